"""Estimated costs of calls and images, before and after measurements."""

from __future__ import annotations

import msgspec
import pytest

from pipelines.fake import INFO
from pipelines.interface import UPCAST, CostKey, Stage
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from tests.service.engine.costs.closed_loop import DECODE, DENOISE, MAX_COUNTS, TEXT, plan_image

TABLE = CostTable(
    (
        KeyCost(TEXT, (Point(1, 0.125), Point(2, 0.1875), Point(8, 0.5))),
        KeyCost(DENOISE, (Point(1, 0.25), Point(2, 0.25), Point(4, 0.25), Point(8, 0.5))),
        KeyCost(DECODE, (Point(1, 0.5), Point(4, 1.0))),
    )
)
OTHER_SIZE = CostKey(Stage.DENOISE, 256, 128)


def make_model(table: CostTable = TABLE, max_counts: dict[Stage, int] = MAX_COUNTS) -> CostModel:
    return CostModel(table, max_counts=max_counts)


def test_the_solo_time_is_that_of_the_texts_the_calls_and_the_decode() -> None:
    guided, unguided = plan_image(steps=3), plan_image(steps=3, guided=False)

    assert make_model().solo_s(guided) == 0.1875 + 3 * 0.25 + 0.5
    assert make_model().solo_s(unguided) == 0.125 + 3 * 0.25 + 0.5


def test_the_price_of_an_image_is_its_part_of_full_calls() -> None:
    assert make_model().price_s(plan_image(steps=8)) == 2 * (0.5 / 8) + 8 * 2 * (0.25 / 4) + 1.0 / 4


def test_a_call_of_nothing_costs_nothing() -> None:
    assert make_model().seconds(TEXT, 0) == 0.0


@pytest.mark.parametrize(("max_rows", "knee"), [(16, 4), (3, 3), (1, 1)])
def test_the_knee_is_bounded_by_the_count_that_the_stage_allows(max_rows: int, knee: int) -> None:
    assert make_model(max_counts={**MAX_COUNTS, Stage.DENOISE: max_rows}).knee(DENOISE) == knee


def test_a_stage_without_a_bound_has_calls_of_one() -> None:
    assert make_model(max_counts={}).knee(DECODE) == 1


def test_the_knee_of_texts_and_decodes_may_be_one_and_that_of_rows_is_two_at_least() -> None:
    linear = tuple(Point(count, float(count)) for count in (1, 2, 4))
    model = make_model(CostTable(tuple(KeyCost(key, linear) for key in (TEXT, DENOISE, DECODE))))

    assert [model.knee(key) for key in (TEXT, DENOISE, DECODE)] == [1, 2, 1]


def test_rows_that_ran_out_of_memory_stay_above_the_knee() -> None:
    model = make_model()
    model.learn_out_of_memory(DENOISE, 4)

    assert model.knee(DENOISE) == 2
    assert next(cost.max_count for cost in model.table().costs if cost.key == DENOISE) == 2


def test_a_measured_limit_caps_the_knee() -> None:
    table = CostTable((KeyCost(DENOISE, (Point(1, 1.0), Point(2, 1.0), Point(4, 1.0)), max_count=2),))

    assert make_model(table).knee(DENOISE) == 2


def test_a_key_that_was_never_measured_is_judged_by_the_nearest_of_its_stage() -> None:
    model = make_model()

    assert not model.is_measured(OTHER_SIZE)
    assert model.seconds(OTHER_SIZE, 2) == model.seconds(DENOISE, 4)
    assert model.seconds(DECODE._replace(height=256), 1) == model.seconds(DECODE, 2)
    assert model.seconds(DENOISE._replace(variant=UPCAST), 2) == 2 * model.seconds(DENOISE, 2)


def test_inputs_that_were_never_measured_are_judged_by_decodes() -> None:
    inputs = CostKey(Stage.INPUT, DECODE.width, DECODE.height)
    model = make_model()
    assert not model.is_measured(inputs)
    assert model.seconds(inputs, 1) == model.seconds(DECODE, 1)

    model.learn(inputs, 1, 0.1)
    assert model.seconds(inputs, 1) == pytest.approx(0.1)


def test_the_first_measurement_of_a_key_replaces_the_level_of_the_guess() -> None:
    model = make_model()
    model.learn(OTHER_SIZE, 2, 30.0)

    assert model.is_measured(OTHER_SIZE)
    assert model.seconds(OTHER_SIZE, 2) == 30.0
    assert model.seconds(OTHER_SIZE, 8) == 30.0 * 1.0 / 0.25


def test_guesses_follow_what_is_learned_of_the_nearest_key() -> None:
    model = make_model()
    before_s = model.seconds(OTHER_SIZE, 2)
    for _ in range(32):
        model.learn(DENOISE, 4, 0.375)

    assert model.seconds(OTHER_SIZE, 2) == 1.5 * before_s


def test_without_any_measurement_all_is_guessed() -> None:
    model = make_model(CostTable())

    assert model.solo_s(plan_image(size=256)) > model.solo_s(plan_image(size=128)) > 0
    assert not model.is_measured(DENOISE)
    model.learn_out_of_memory(DENOISE, 8)
    assert not model.is_measured(DENOISE)
    assert model.table() == CostTable()


def test_a_key_without_points_is_as_good_as_unknown() -> None:
    assert not make_model(CostTable((KeyCost(DENOISE, ()),))).is_measured(DENOISE)


def test_the_number_of_remembered_keys_of_a_stage_is_bounded() -> None:
    model = make_model()
    for width in range(64, 64 + 8 * 500, 8):
        model.learn(CostKey(Stage.DENOISE, width, 64, model=INFO.name), 2, 1.0)
        model.learn(DENOISE, 4, 0.25)
        model.seconds(CostKey(Stage.DENOISE, width, 72, model=INFO.name), 2)

    keys = [cost.key for cost in model.table().costs]
    assert len(keys) == 64 + 2
    assert {DENOISE, DECODE, TEXT} <= set(keys), "what is in use stays"


def test_costs_of_no_time_at_all_are_learned_from() -> None:
    model = make_model(CostTable((KeyCost(DECODE, (Point(1, 0.0),)),)))
    model.learn(DECODE._replace(width=64), 1, 0.5)
    model.learn(DECODE, 1, 0.0)
    model.learn(DENOISE, 2, 0.0)

    assert model.seconds(DECODE, 1) == 0.0
    assert model.seconds(DECODE._replace(width=64), 1) == 0.5


def test_what_was_learned_survives_being_stored() -> None:
    model = make_model()
    for seconds in (0.75, 0.8, 0.85):
        model.learn(DENOISE, 4, seconds)
    stored = msgspec.json.decode(msgspec.json.encode(model.table()), type=CostTable)

    assert stored == model.table()
    assert make_model(stored).seconds(DENOISE, 4) == model.seconds(DENOISE, 4) == 0.8
