"""Estimated costs of images, before and after measurements."""

from __future__ import annotations

import dataclasses

import pytest

from pipelines.fake import INFO
from service.engine.costs.cost_model import CostModel, CostTable, SizeCost, calls, state_bytes
from tests.harness.engine.worker_harness import make_params

SIZE = (64, 64)
TABLE = CostTable(
    (SizeCost(*SIZE, calls=((1, 0.25), (2, 0.25), (4, 0.25), (8, 0.5)), decodes=((1, 0.5), (4, 1.0))),), encode_s=0.125
)


def make_model(table: CostTable = TABLE, *, max_rows: int = 16) -> CostModel:
    return CostModel(table, max_rows=max_rows, max_decode=4)


def test_the_solo_time_is_that_of_the_text_the_calls_and_the_decode() -> None:
    params = make_params(steps=3, sampler="heun")

    assert calls(params) == 5
    assert make_model().solo_s(params) == 0.125 + 5 * 0.25 + 0.5


def test_a_negative_prompt_costs_a_second_text_only_with_guidance() -> None:
    guided = dataclasses.replace(make_params(), negative_prompt="blurry")
    unguided = dataclasses.replace(guided, guidance_scale=1.0)

    assert make_model().encode_s(guided) == 2 * make_model().encode_s(unguided) == 0.25
    assert make_model().encode_s(dataclasses.replace(unguided, prompt="")) == 0.0


def test_the_price_of_an_image_is_its_part_of_full_calls() -> None:
    assert make_model().price_s(make_params(steps=8)) == 0.125 + 8 * 2 * (0.25 / 4) + 1.0 / 4


@pytest.mark.parametrize(("max_rows", "knee"), [(16, 4), (3, 3)])
def test_the_knee_is_the_last_count_that_makes_rows_cheaper_up_to_the_cap(max_rows: int, knee: int) -> None:
    assert make_model(max_rows=max_rows).knee(SIZE) == knee


def test_the_knee_is_doubled_where_rows_became_cheaper_up_to_the_largest_count() -> None:
    model = make_model(CostTable((SizeCost(*SIZE, calls=((1, 1.0), (2, 1.0)), decodes=((1, 1.0),)),)))
    assert model.knee(SIZE) == 4

    for _ in range(9):
        model.learn_call(SIZE, 4, 2.0)
    assert model.knee(SIZE) == 2


def test_rows_that_ran_out_of_memory_stay_above_the_knee() -> None:
    model = make_model()
    model.learn_out_of_memory(SIZE, 4)
    assert model.knee(SIZE) == 3

    model.learn_out_of_memory(SIZE, 2)
    assert model.knee(SIZE) == 2, "a guided image takes two rows"


def test_a_measured_row_limit_caps_the_knee() -> None:
    assert make_model(CostTable((SizeCost(*SIZE, ((1, 1.0), (2, 1.0)), ((1, 1.0),), max_rows=2),))).knee(SIZE) == 2


def test_a_size_that_was_never_measured_is_judged_by_its_pixels() -> None:
    model = make_model()

    assert model.call_s((128, 64), 2) == model.call_s(SIZE, 4)
    assert model.decode_s((128, 128), 1) == model.decode_s(SIZE, 4)
    assert model.knee((128, 64)) == 2


def test_without_any_measurement_costs_are_proportional_to_rows_and_pixels() -> None:
    model = make_model(CostTable())

    assert model.solo_s(make_params(width=128)) == pytest.approx(2 * model.solo_s(make_params(width=64)))
    assert model.call_s(SIZE, 4) == pytest.approx(4 * model.call_s(SIZE, 1))


def test_the_number_of_remembered_sizes_is_bounded() -> None:
    model = make_model()
    for width in range(64, 64 + 8 * 500, 8):
        model.learn_call((width, 64), 2, 1.0)

    assert len(model._sizes) <= 64


def test_the_cost_of_encoding_is_learned_per_text() -> None:
    model = make_model(CostTable())
    assert model.encode_s(make_params()) == 0.0

    model.learn_encode(4, 2.0)
    assert model.encode_s(make_params()) == 0.5


def test_the_estimated_bytes_of_a_state_are_an_upper_bound() -> None:
    stable_diffusion = 4 * 64 * 64 * 4 * 4 + 2 * 77 * 768 * 4
    large, small = make_params(width=512, height=512), make_params(width=64, height=64)

    assert state_bytes(large, INFO) >= stable_diffusion
    assert state_bytes(large, INFO) > state_bytes(small, INFO)


def test_the_first_measurement_of_a_size_replaces_the_guess() -> None:
    model = make_model(CostTable())
    model.learn_call(SIZE, 2, 30.0)
    model.learn_decode(SIZE, 1, 7.0)

    assert (model.call_s(SIZE, 2), model.call_s(SIZE, 4)) == (30.0, 60.0)
    assert model.decode_s(SIZE, 1) == 7.0
    assert model.measured
