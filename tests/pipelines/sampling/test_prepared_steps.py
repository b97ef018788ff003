"""Prepared steps are kept, bounded in number, made once by one of several threads, and refused with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.errors import InvalidParamsError
from pipelines.sampling.prepared_steps import CAPACITY, PreparedSteps
from pipelines.sampling.samplers import find
from tests.harness.models.sampling import CONFIG


def test_equal_steps_are_prepared_once_whoever_asks() -> None:
    steps = PreparedSteps(CONFIG)
    steps.announce(find("dpm2"), 9)

    with ThreadPoolExecutor(4) as threads:
        prepared = list(threads.map(lambda _: steps.get(find("dpm2"), 9), range(8)))

    assert len({id(each) for each in prepared}) == 1
    assert len(prepared[0].timesteps) == 17


def test_other_steps_samplers_and_schedules_are_prepared_apart() -> None:
    steps = PreparedSteps(CONFIG)
    wanted = [(find("euler"), 4), (find("euler"), 5), (find("ddim"), 4), (find("euler", "karras"), 4)]

    assert len({id(steps.get(choice, count)) for choice, count in wanted}) == len(wanted)


def test_the_least_recently_used_steps_are_prepared_again() -> None:
    steps = PreparedSteps(CONFIG)
    first, second = steps.get(find("ddim"), 1), steps.get(find("ddim"), 2)
    for count in range(3, CAPACITY + 1):
        steps.get(find("ddim"), count)
    steps.get(find("ddim"), 1)

    steps.get(find("ddim"), CAPACITY + 1)

    assert steps.get(find("ddim"), 1) is first
    assert steps.get(find("ddim"), 2) is not second


def test_any_number_of_announcements_leaves_the_steps_right() -> None:
    steps = PreparedSteps(CONFIG)
    for count in range(1, 60):
        steps.announce(find("ddim"), count)

    assert [len(steps.get(find("ddim"), count).timesteps) for count in range(1, 60)] == list(range(1, 60))


def test_a_number_of_steps_for_which_the_spacing_overshoots_is_refused_each_time() -> None:
    steps = PreparedSteps({**CONFIG, "timestep_spacing": "trailing"})
    steps.announce(find("euler"), 61)

    assert len(steps.get(find("euler"), 60).timesteps) == 60
    for _ in range(2):
        with pytest.raises(InvalidParamsError) as refusal:
            steps.get(find("euler"), 61)
        assert refusal.value.field == "steps"


@pytest.mark.parametrize("name", ["euler_a", "dpm2", "dpm2_a", "pndm"])
def test_a_sampler_that_does_not_take_the_models_predictions_is_refused(name: str) -> None:
    steps = PreparedSteps({**CONFIG, "prediction_type": "sample"})

    with pytest.raises(InvalidParamsError, match="prediction") as refusal:
        steps.get(find(name), 4)
    assert refusal.value.field == "sampler"
