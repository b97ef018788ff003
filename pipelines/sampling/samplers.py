"""The table of samplers: what users call them, which noise schedules they take, and what they cost. Torch-free.

How a sampler becomes a diffusers scheduler is in `pipelines.sampling.diffusers_schedulers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from pipelines.errors import UnknownSamplerError

SCHEDULES: Final = ("karras", "exponential", "beta")
"""Spacings of the noise levels: Karras (arXiv:2206.00364), exponential (k-diffusion), beta (arXiv:2407.12173)."""


def _one_a_step(steps: int) -> int:
    return steps


def _two_a_step(steps: int) -> int:
    """A second evaluation in every step but the last, which ends at zero noise."""
    return 2 * steps - 1


def _one_more(steps: int) -> int:
    """A repeated first step, which starts the multistep history."""
    return steps + 1 if steps > 1 else 1


@dataclass(frozen=True, slots=True)
class Sampler:
    """One way from noise to an image."""

    name: str
    label: str
    """As AUTOMATIC1111's web UI shows it, where it has it."""
    scheduler: str
    """Class of diffusers that does the mathematics."""
    aliases: tuple[str, ...]
    """Names by which other programs know it; case, spaces, hyphens and underscores do not matter."""
    schedules: tuple[str, ...] = ()
    stochastic: bool = False
    """Whether it draws noise in every step, not only for the start."""
    max_steps: int | None = None
    calls: Callable[[int], int] = _one_a_step
    """UNet calls for a number of steps (1 or more)."""


class SamplerChoice(NamedTuple):
    sampler: Sampler
    schedule: str | None
    """One of the sampler's `schedules`; None is its own."""


_TABLE: Final = (
    Sampler("ddim", "DDIM", "DDIMScheduler", ()),
    Sampler("ddpm", "DDPM", "DDPMScheduler", (), stochastic=True),
    Sampler("euler", "Euler", "EulerDiscreteScheduler", ("k_euler", "sample_euler"), SCHEDULES),
    Sampler(
        "euler_a",
        "Euler a",
        "EulerAncestralDiscreteScheduler",
        ("k_euler_a", "euler_ancestral", "sample_euler_ancestral", "k_euler_ancestral"),
        stochastic=True,
    ),
    Sampler("heun", "Heun", "HeunDiscreteScheduler", ("k_heun", "sample_heun"), SCHEDULES, calls=_two_a_step),
    Sampler(
        "dpm2",
        "DPM2",
        "KDPM2DiscreteScheduler",
        ("k_dpm_2", "dpm_2", "sample_dpm_2"),
        SCHEDULES,
        calls=_two_a_step,
    ),
    Sampler(
        "dpm2_a",
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        ("k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral", "sample_dpm_2_ancestral"),
        SCHEDULES,
        stochastic=True,
        calls=_two_a_step,
    ),
    Sampler(
        "dpm++_2m",
        "DPM++ 2M",
        "DPMSolverMultistepScheduler",
        ("k_dpmpp_2m", "dpmpp_2m", "sample_dpmpp_2m"),
        SCHEDULES,
    ),
    Sampler(
        "dpm++_2m_sde",
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        ("k_dpmpp_2m_sde", "dpmpp_2m_sde", "sample_dpmpp_2m_sde"),
        SCHEDULES,
        stochastic=True,
    ),
    Sampler(
        "dpm++_sde",
        "DPM++ SDE",
        "DPMSolverSinglestepScheduler",
        ("k_dpmpp_sde", "dpmpp_sde", "sample_dpmpp_sde", "DPMSolverSDEScheduler"),
        SCHEDULES,
        stochastic=True,
    ),
    Sampler("unipc", "UniPC", "UniPCMultistepScheduler", ("uni_pc",), SCHEDULES),
    Sampler("lms", "LMS", "LMSDiscreteScheduler", ("k_lms", "sample_lms"), SCHEDULES),
    Sampler("deis", "DEIS", "DEISMultistepScheduler", (), SCHEDULES),
    Sampler("lcm", "LCM", "LCMScheduler", (), stochastic=True, max_steps=50),
    Sampler("pndm", "PLMS", "PNDMScheduler", (), calls=_one_more),
)

SAMPLERS: Final[Mapping[str, Sampler]] = MappingProxyType({sampler.name: sampler for sampler in _TABLE})
"""By public name, in the order in which they are listed."""


def _normal(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def _by_any_name() -> dict[str, Sampler]:
    names: dict[str, Sampler] = {}
    for sampler in _TABLE:
        for name in (sampler.name, sampler.label, sampler.scheduler, *sampler.aliases):
            names.setdefault(_normal(name), sampler)
    return names


_BY_ANY_NAME: Final = _by_any_name()


def find(name: str, schedule: str | None = None) -> SamplerChoice:
    """The sampler of that name or alias, and its schedule: "DPM++ 2M Karras" names both.

    Raises `UnknownSamplerError`, listing the names that would do; it never repeats the name that was asked for.
    """
    wanted = None if schedule is None else _normal(schedule)
    asked = _normal(name)
    sampler = _BY_ANY_NAME.get(asked)
    if sampler is None:
        stem, _, suffix = asked.rpartition("_")
        sampler = _BY_ANY_NAME.get(stem)
        if sampler is None or suffix not in SCHEDULES:
            raise UnknownSamplerError("sampler", f"There is no such sampler; these are known: {', '.join(SAMPLERS)}.")
        if wanted not in (None, suffix):
            raise UnknownSamplerError("schedule", "The sampler's name says another schedule than `schedule` does.")
        wanted = suffix
    if wanted is not None and wanted not in sampler.schedules:
        known = ", ".join(sampler.schedules) or "none but its own"
        raise UnknownSamplerError("schedule", f"The sampler {sampler.name} takes these schedules: {known}.")
    return SamplerChoice(sampler, wanted)
