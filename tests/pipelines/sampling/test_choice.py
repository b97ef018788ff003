"""A model takes the samplers, schedules and steps of its limits, and refuses others with the name of what is wrong."""

from __future__ import annotations

import pytest

from pipelines.errors import InvalidParamsError, UnknownSamplerError
from pipelines.model_info import SamplerLimits
from pipelines.sampling.choice import choose
from pipelines.sampling.samplers import SAMPLERS, find

LIMITS = (
    SamplerLimits(name="euler", schedules=("karras",), impossible_steps=(61, 62, 150)),
    SamplerLimits(name="ddim", max_steps=61, impossible_steps=(1, 61)),
    SamplerLimits(name="lcm", max_steps=50),
    SamplerLimits(name="heun", refusal="The sampler heun cannot do this model's noise."),
)


def refusal(name: str, schedule: str | None, steps: int) -> InvalidParamsError:
    with pytest.raises(InvalidParamsError) as raised:
        choose(LIMITS, name, schedule, steps)
    return raised.value


def test_what_the_model_can_do_is_found_by_any_name() -> None:
    assert choose(LIMITS, "Euler Karras", None, 61) == find("euler", "karras")
    assert choose(LIMITS, "k_euler", None, 60) == find("euler")


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_model_without_limits_takes_every_sampler_of_the_table(name: str) -> None:
    assert choose((), name, None, 20).sampler.name == name


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(UnknownSamplerError, match="Known samplers"):
        choose(LIMITS, "<unheard of>", None, 20)


def test_a_sampler_that_cannot_do_the_model_is_refused_with_the_reason() -> None:
    assert (refusal("heun", None, 20).field, str(refusal("heun", None, 20))) == ("sampler", LIMITS[3].refusal)


def test_a_sampler_that_the_model_does_not_list_is_refused_by_name() -> None:
    assert refusal("deis", None, 20).field == "sampler"
    assert "deis" in str(refusal("deis", None, 20))


def test_a_schedule_that_the_model_cannot_have_is_refused_with_those_that_it_can() -> None:
    assert refusal("euler", "beta", 20).field == "schedule"
    assert "karras" in str(refusal("euler", "beta", 20))


@pytest.mark.parametrize(
    ("name", "steps", "advice"),
    [("euler", 61, "Try 60 or 63"), ("euler", 150, "Try 149 or 151"), ("ddim", 61, "Try 60."), ("ddim", 1, "Try 2.")],
)
def test_steps_that_the_spacing_cannot_do_are_refused_with_the_nearest_that_it_can(
    name: str, steps: int, advice: str
) -> None:
    assert refusal(name, None, steps).field == "steps"
    assert advice in str(refusal(name, None, steps))


@pytest.mark.parametrize("steps", [0, 51])
def test_steps_beyond_those_of_the_sampler_are_refused(steps: int) -> None:
    assert refusal("lcm", None, steps).field == "steps"
    assert "at most 50" in str(refusal("lcm", None, steps))
