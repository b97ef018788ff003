"""Chooses the sampler and the noise schedule of an image from what its model can have, or refuses. Torch-free.

Requests are checked here where they enter, and so is each image before it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipelines.errors import InvalidParamsError
from pipelines.model_info import SamplerLimits
from pipelines.sampling import samplers
from pipelines.sampling.samplers import SAMPLERS, SamplerChoice

ALL: Final = tuple(
    SamplerLimits(name=sampler.name, schedules=sampler.schedules, max_steps=sampler.max_steps)
    for sampler in SAMPLERS.values()
)
"""The limits of a model that can have every sampler of the table, in the table's order."""


def usable(limits: Sequence[SamplerLimits]) -> list[SamplerLimits]:
    """Return the limits of the samplers that a model with these limits can have."""
    return [each for each in limits or ALL if not each.refusal]


def choose(limits: Sequence[SamplerLimits], name: str, schedule: str | None, steps: int) -> SamplerChoice:
    """Return the sampler with that name or alias, and its schedule, for an image of that many steps.

    `limits` are those of `ModelInfo.samplers`; where they are empty, the model can have every sampler of the table.
    Raises `InvalidParamsError` where there is no such sampler, or where the model of these limits cannot have it, its
    schedule or the steps.
    """
    choice = samplers.find(name, schedule)
    own = next((each for each in limits or ALL if each.name == choice.sampler.name), None)
    if own is None or own.refusal:
        reason = own.refusal if own else f"This model cannot have the sampler {choice.sampler.name}."
        others = ", ".join(each.name for each in usable(limits))
        raise InvalidParamsError("sampler", f"{reason} It can have: {others}.")
    if choice.schedule is not None and choice.schedule not in own.schedules:
        known = ", ".join(own.schedules) or "none but its own"
        raise InvalidParamsError("schedule", f"With this model the sampler {own.name} takes these schedules: {known}.")
    check_steps(own, choice.schedule, steps)
    return choice


def check_steps(limits: SamplerLimits, schedule: str | None, steps: int) -> None:
    """Raise `InvalidParamsError` where the sampler cannot make that many steps with this model."""
    if steps < 1 or (limits.max_steps is not None and steps > limits.max_steps):
        most = "" if limits.max_steps is None else f" and at most {limits.max_steps}"
        raise InvalidParamsError("steps", f"Must be at least 1{most} with the sampler {limits.name}.")
    if schedule is None and steps in limits.impossible_steps:
        others = " or ".join(str(near) for near in _nearest(limits, steps))
        named = f", or one of the schedules {', '.join(limits.schedules)}" if limits.schedules else ""
        raise InvalidParamsError(
            "steps",
            f"This model's timesteps cannot be divided into {steps} steps for the sampler {limits.name}. "
            f"Try {others}{named}.",
        )


def _nearest(limits: SamplerLimits, steps: int) -> list[int]:
    """Return the nearest possible numbers of steps below and above."""
    impossible = {0, *limits.impossible_steps}
    below = next((n for n in range(steps - 1, 0, -1) if n not in impossible), None)
    above = next(n for n in range(steps + 1, steps + len(impossible) + 1) if n not in impossible)
    within = above if limits.max_steps is None or above <= limits.max_steps else None
    return [n for n in (below, within) if n is not None]
