"""The table of samplers: public names, noise schedules, diffusers classes and numbers of UNet calls. Torch-free.

A sampler that diffusers has takes one entry in `_TABLE`; docs/how-to/add-a-sampler.md shows how.
`pipelines.sampling.diffusers_schedulers` makes the diffusers objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pipelines.errors import UnknownSamplerError
from pipelines.registry import Registry

SCHEDULES: Final = ("karras", "exponential", "beta")
"""Spacings of the noise levels: Karras (arXiv:2206.00364), exponential (k-diffusion), beta (arXiv:2407.12173)."""


def _one_call_per_step(steps: int) -> int:
    return steps


def _two_calls_per_step(steps: int) -> int:
    """Each step makes a second call, except the last, which ends at zero noise."""
    return 2 * steps - 1


def _one_extra_call(steps: int) -> int:
    """The first step is made twice, to start the multistep history."""
    return steps + 1 if steps > 1 else 1


@dataclass(frozen=True, slots=True)
class Sampler:
    """One way from noise to an image."""

    name: str
    """The public name."""
    label: str
    """The name that AUTOMATIC1111's web UI shows, where it has this sampler."""
    scheduler: str
    """The diffusers class that does the mathematics."""
    aliases: tuple[str, ...]
    """Names that other programs use. Case, spaces, hyphens and underscores do not matter."""
    schedules: tuple[str, ...] = ()
    """The members of `SCHEDULES` that the diffusers class has a `use_..._sigmas` argument for."""
    stochastic: bool = False
    """True if it draws noise in every step, not only at the start."""
    max_steps: int | None = None
    calls: Callable[[int], int] = _one_call_per_step
    """The number of UNet calls for a number of steps (1 or more)."""
    calls_per_step: int = 1
    """The number of UNet calls of each step but the last."""
    scheduler_fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Arguments of the diffusers class that set this sampler apart from others of that class."""
    edm_scheduler: str | None = None
    """The diffusers class for models with the noise of EDM (arXiv:2206.00364), if there is one."""

    def call_range(self, made: range, steps: int) -> range:
        """Return which UNet calls, of those of so many steps, belong to the steps that are made."""
        end = self.calls(steps) if made.stop == steps else made.stop * self.calls_per_step
        return range(made.start * self.calls_per_step, end)


class SamplerChoice(NamedTuple):
    """A sampler and the noise schedule to run it with."""

    sampler: Sampler
    schedule: str | None
    """One of the sampler's `schedules`. None is its own spacing: for the sampler of the model's own scheduler
    (`find_own`) that scheduler's, karras for example, and for others that of the class."""


_TABLE: Final = (
    Sampler("ddim", "DDIM", "DDIMScheduler", ()),
    Sampler("ddpm", "DDPM", "DDPMScheduler", (), stochastic=True),
    Sampler(
        "euler",
        "Euler",
        "EulerDiscreteScheduler",
        ("k_euler", "sample_euler"),
        SCHEDULES,
        edm_scheduler="EDMEulerScheduler",
    ),
    Sampler(
        "euler_a",
        "Euler a",
        "EulerAncestralDiscreteScheduler",
        ("k_euler_a", "euler_ancestral", "sample_euler_ancestral", "k_euler_ancestral"),
        stochastic=True,
    ),
    Sampler(
        "heun",
        "Heun",
        "HeunDiscreteScheduler",
        ("k_heun", "sample_heun"),
        SCHEDULES,
        calls=_two_calls_per_step,
        calls_per_step=2,
    ),
    Sampler(
        "dpm2",
        "DPM2",
        "KDPM2DiscreteScheduler",
        ("k_dpm_2", "dpm_2", "sample_dpm_2"),
        SCHEDULES,
        calls=_two_calls_per_step,
        calls_per_step=2,
    ),
    Sampler(
        "dpm2_a",
        "DPM2 a",
        "KDPM2AncestralDiscreteScheduler",
        ("k_dpm_2_a", "k_dpm_2_ancestral", "dpm_2_ancestral", "sample_dpm_2_ancestral"),
        SCHEDULES,
        stochastic=True,
        calls=_two_calls_per_step,
        calls_per_step=2,
    ),
    Sampler(
        "dpm++_2m",
        "DPM++ 2M",
        "DPMSolverMultistepScheduler",
        ("k_dpmpp_2m", "dpmpp_2m", "sample_dpmpp_2m"),
        SCHEDULES,
        scheduler_fields={"algorithm_type": "dpmsolver++"},
        edm_scheduler="EDMDPMSolverMultistepScheduler",
    ),
    Sampler(
        "dpm++_2m_sde",
        "DPM++ 2M SDE",
        "DPMSolverMultistepScheduler",
        ("k_dpmpp_2m_sde", "dpmpp_2m_sde", "sample_dpmpp_2m_sde"),
        SCHEDULES,
        stochastic=True,
        scheduler_fields={"algorithm_type": "sde-dpmsolver++"},
        edm_scheduler="EDMDPMSolverMultistepScheduler",
    ),
    Sampler(
        "dpm++_sde",
        "DPM++ SDE",
        # DPMSolverSDEScheduler seeds a Brownian tree of its own; this class draws from the generator that it is given.
        "DPMSolverSinglestepScheduler",
        ("k_dpmpp_sde", "dpmpp_sde", "sample_dpmpp_sde", "DPMSolverSDEScheduler"),
        SCHEDULES,
        stochastic=True,
        scheduler_fields={"algorithm_type": "sde-dpmsolver++"},
    ),
    Sampler("unipc", "UniPC", "UniPCMultistepScheduler", ("uni_pc",), SCHEDULES),
    Sampler("lms", "LMS", "LMSDiscreteScheduler", ("k_lms", "sample_lms"), SCHEDULES),
    Sampler("deis", "DEIS", "DEISMultistepScheduler", (), SCHEDULES),
    Sampler("lcm", "LCM", "LCMScheduler", (), stochastic=True, max_steps=50),
    Sampler("tcd", "TCD", "TCDScheduler", (), stochastic=True, max_steps=50),
    Sampler("pndm", "PLMS", "PNDMScheduler", (), calls=_one_extra_call),
)


def _normalize(name: str) -> str:
    return "_".join(name.lower().replace("-", " ").replace("_", " ").split())


def _registered() -> Registry[Sampler]:
    registry: Registry[Sampler] = Registry("sampler", normalize=_normalize)
    for sampler in _TABLE:
        registry.register(sampler.name, sampler.label, *sampler.aliases)(sampler)
    return registry


SAMPLERS: Final[Registry[Sampler]] = _registered()
"""All samplers by public name, in the order in which they are listed."""

EDM_SCHEDULERS: Final = frozenset(sampler.edm_scheduler for sampler in _TABLE if sampler.edm_scheduler)
"""The diffusers classes that only models with the noise of EDM have as their own scheduler."""
SCHEDULERS: Final = EDM_SCHEDULERS | {sampler.scheduler for sampler in _TABLE}
"""The diffusers classes of all samplers."""
EDM_SCHEDULES: Final = ("karras", "exponential")
"""The members of `SCHEDULES` that the classes for EDM's noise have."""

_BY_SCHEDULER: Final = {_normalize(sampler.scheduler): sampler for sampler in reversed(_TABLE)}
"""Samplers by diffusers class. The first sampler of the table stands for a class that several use."""


def _find_sampler(name: str) -> Sampler | None:
    return SAMPLERS.find(name) or _BY_SCHEDULER.get(_normalize(name))


def find_own(scheduler_config: Mapping[str, Any]) -> Sampler | None:
    """Return the sampler that does what a model's own scheduler does. None if the table has none.

    `scheduler_config` is the configuration of a diffusers scheduler with all defaults filled in. Samplers that share
    its class are told apart by their `scheduler_fields`.
    """
    fitting = (
        sampler
        for sampler in _TABLE
        if scheduler_config.get("_class_name", "") in (sampler.scheduler, sampler.edm_scheduler)
        and all(scheduler_config.get(name) == value for name, value in sampler.scheduler_fields.items())
    )
    return next(fitting, None)


def find(name: str, schedule: str | None = None) -> SamplerChoice:
    """Return the sampler with that name or alias, and its schedule. "DPM++ 2M Karras" names both.

    Raises `UnknownSamplerError`, whose message lists the known names and never repeats the name that was asked for.
    """
    chosen = None if schedule is None else _normalize(schedule)
    sampler = _find_sampler(name)
    if sampler is None:
        stem, _, suffix = _normalize(name).rpartition("_")
        sampler = _find_sampler(stem)
        if sampler is None or suffix not in SCHEDULES:
            raise UnknownSamplerError("sampler", f"Unknown sampler. Known samplers: {', '.join(SAMPLERS)}.")
        if chosen not in (None, suffix):
            raise UnknownSamplerError("schedule", "The sampler's name and `schedule` name different schedules.")
        chosen = suffix
    if chosen is not None and chosen not in sampler.schedules:
        known = ", ".join(sampler.schedules) or "none but its own"
        raise UnknownSamplerError("schedule", f"The sampler {sampler.name} takes these schedules: {known}.")
    return SamplerChoice(sampler, chosen)
