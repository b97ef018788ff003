"""The policy loads the models of urgent images, and lets the least needed ones leave."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.engine.scheduling.residency import (
    WORK_FACTOR,
    Demand,
    Move,
    Standing,
    least_recently_needed,
    next_move,
)

URGENT = Demand(first=(0.0, 1.0))
PATIENT = Demand(first=(0.0, 100.0))
BEGUN = Demand(begun=1)


def on_disk(name: str, demand: Demand = URGENT, *, size_bytes: int = 1, load_s: float = 1.0) -> Standing:
    return Standing(name=name, size_bytes=size_bytes, resident=False, load_s=load_s, demand=demand)


def resident(
    name: str,
    demand: Demand = Demand(),  # noqa: B008 - frozen
    *,
    size_bytes: int = 1,
    needed_s: float = 0.0,
    worked_s: float = 100.0,
    pinned: bool = False,
) -> Standing:
    return Standing(
        name=name,
        size_bytes=size_bytes,
        resident=True,
        pinned=pinned,
        needed_s=needed_s,
        worked_s=worked_s,
        demand=demand,
    )


def test_nothing_is_loaded_that_nobody_waits_for() -> None:
    assert next_move([on_disk("a", Demand())], 10) is None


def test_a_model_that_fits_is_loaded_beside_the_others() -> None:
    assert next_move([resident("a", URGENT), on_disk("b", PATIENT)], 2) == Move("b", ())


def test_the_model_of_the_most_urgent_image_is_loaded_first() -> None:
    assert next_move([on_disk("patient", PATIENT), on_disk("urgent", URGENT)], 2) == Move("urgent", ())


def test_the_least_recently_needed_model_leaves_first() -> None:
    models = [resident("new", needed_s=9.0), resident("old", needed_s=1.0), on_disk("c")]

    assert next_move(models, 2) == Move("c", ("old",))


def test_no_more_models_leave_than_must() -> None:
    models = [resident("small", needed_s=1.0), resident("large", size_bytes=3, needed_s=2.0)]

    assert next_move([*models, on_disk("c", size_bytes=3)], 4) == Move("c", ("large",))


def test_a_pinned_model_stays() -> None:
    assert next_move([resident("a", pinned=True), on_disk("b")], 1) is None


def test_a_model_that_only_finishes_what_it_has_begun_leaves_before_one_that_images_wait_for() -> None:
    models = [resident("waited for", PATIENT), resident("finishing", BEGUN, worked_s=0.0), on_disk("c")]

    assert next_move(models, 2) == Move("c", ("finishing",))


def test_a_model_stays_for_images_that_are_more_urgent() -> None:
    assert next_move([resident("a", URGENT), on_disk("b", PATIENT)], 1) is None


def test_a_model_leaves_for_images_that_are_more_urgent_than_its_own_once_it_has_worked_enough() -> None:
    wanted = on_disk("b", URGENT, load_s=3.0)
    enough_s = WORK_FACTOR * 3.0

    assert next_move([resident("a", PATIENT, worked_s=0.9 * enough_s), wanted], 1) is None
    assert next_move([resident("a", PATIENT, worked_s=enough_s), wanted], 1) == Move("b", ("a",))


def test_a_large_model_that_must_wait_does_not_keep_a_small_one_waiting() -> None:
    models = [resident("a", PATIENT, worked_s=0.0), on_disk("large", URGENT, size_bytes=3), on_disk("small", PATIENT)]

    assert next_move(models, 2) == Move("small", ())


def test_a_model_larger_than_the_budget_is_loaded_alone() -> None:
    assert next_move([on_disk("a", size_bytes=9)], 4) == Move("a", ())
    assert next_move([resident("b"), on_disk("a", size_bytes=9)], 4) == Move("a", ("b",))


def test_the_host_keeps_the_most_recently_needed_models() -> None:
    models = [resident("b", needed_s=2.0), resident("a", needed_s=1.0), resident("c", needed_s=3.0)]

    assert [model.name for model in least_recently_needed(models, 2)] == ["a", "b"]
    assert least_recently_needed(models, 0) == []


demands = st.builds(
    Demand,
    begun=st.integers(0, 2),
    first=st.none() | st.tuples(st.floats(0, 10), st.floats(0, 100)),
)


@st.composite
def standings(draw: st.DrawFn) -> list[Standing]:
    models = []
    for number in range(draw(st.integers(1, 6))):
        is_resident = draw(st.booleans())
        demand = draw(demands)
        models.append(
            Standing(
                name=str(number),
                size_bytes=draw(st.integers(1, 5)),
                resident=is_resident,
                pinned=draw(st.booleans()),
                load_s=0.0 if is_resident else draw(st.floats(0, 10)),
                worked_s=draw(st.floats(0, 50)),
                needed_s=draw(st.floats(0, 50)),
                demand=demand if is_resident else Demand(first=demand.first),
            )
        )
    return models


@given(standings(), st.integers(1, 12))
def test_a_move_keeps_the_budget_and_moves_nothing_that_it_must_not(models: list[Standing], budget: int) -> None:
    move = next_move(models, budget)
    if move is None:
        return
    by_name = {model.name: model for model in models}
    wanted, leaving = by_name[move.load], [by_name[name] for name in move.leave]
    staying = [model for model in models if model.resident and model.name not in move.leave]

    assert not wanted.resident
    assert all(model.resident and not model.pinned for model in leaving)
    assert sum(model.size_bytes for model in staying) + min(wanted.size_bytes, budget) <= budget
    assert wanted.demand.first is not None
    for model in leaving:
        assert model.demand.first is None or model.demand.first > wanted.demand.first


@given(standings(), st.integers(1, 12))
def test_a_wanted_model_never_waits_for_ever(models: list[Standing], budget: int) -> None:
    """Once the most urgent of all waiting images is one whose model is away, and every model has worked long enough,
    it is loaded, unless pinned models take the room."""
    worked = [
        Standing(**{field: getattr(model, field) for field in Standing.__slots__} | {"worked_s": 1e9, "pinned": False})
        for model in models
    ]
    waiting = [model for model in worked if model.demand.first is not None]
    if not waiting:
        return
    first = min(waiting, key=lambda model: (model.demand.first, model.resident))
    ties = [model for model in waiting if model.demand.first == first.demand.first]
    if first.resident or len(ties) > 1:
        return

    move = next_move(worked, budget)

    assert move is not None
    assert move.load == first.name
