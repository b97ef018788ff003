"""How one sampler can be used with one model. A value only; torch-free."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerLimits:
    """The noise schedules and numbers of steps that a sampler can have with a model.

    `pipelines.sampling.model_limits` finds them, and `pipelines.sampling.choice` refuses the others.
    """

    name: str
    """A public name of `pipelines.sampling.samplers`."""
    schedules: tuple[str, ...] = ()
    """The noise schedules that it can have, besides the model's own spacing."""
    max_steps: int | None = None
    """None is the limit of the model."""
    impossible_steps: tuple[int, ...] = ()
    """Numbers of steps, up to `max_steps`, into which the model's own spacing does not divide its timesteps. A named
    schedule divides them into any number."""
    refusal: str = ""
    """A sentence that says why the model cannot have this sampler at all. Empty where it can."""
