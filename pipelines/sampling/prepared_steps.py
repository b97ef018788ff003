"""Prepares the steps of samplers for one model, beside the caller where they are announced, and keeps them.

Setting a scheduler's number of steps and reading the linear form of its steps takes 5 to 50 ms.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor

from pipelines.errors import InvalidParamsError
from pipelines.sampling import linear_steps
from pipelines.sampling.diffusers_schedulers import construct, noise_levels, set_timesteps
from pipelines.sampling.sampler_run import Steps, clean_factors, copy_scheduler
from pipelines.sampling.samplers import SamplerChoice

CAPACITY: Final = 128
"""Prepared steps that are kept; least recently used go first."""
_MOST_ANNOUNCED: Final = 16
"""Steps that wait for the thread that prepares them. Further ones are prepared when they are asked for."""

ValueT = TypeVar("ValueT")


class _Key(NamedTuple):
    choice: SamplerChoice
    steps: int
    made: range


class _Lazy(Generic[ValueT]):
    """A value that the first thread that asks for it makes, while others wait. An error is raised to each."""

    def __init__(self, make: Callable[[], ValueT]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[ValueT] = []

    def get(self) -> ValueT:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]


class PreparedSteps:
    """The steps of any sampler, for a model. Its methods may be called from several threads."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """`config` is the `config` of a scheduler loaded from the model's folder, with all defaults filled in."""
        self._config = dict(config)
        self._lock = threading.Lock()
        self._kept: OrderedDict[_Key, _Lazy[Steps]] = OrderedDict()
        self._room = threading.BoundedSemaphore(_MOST_ANNOUNCED)
        self._one_at_a_time = threading.Lock()

    def announce(self, choice: SamplerChoice, steps: int, made: range | None = None) -> None:
        """Start to prepare steps that `get` will be asked for soon. Returns at once.

        The thread ends with its work. OpenMP gives every thread that has ever computed threads of its own, and where
        there are more than cores, it no longer lets them wait actively: UNet calls then take a fifth longer.
        """
        key = _key(choice, steps, made)
        if key not in self._kept and self._room.acquire(blocking=False):
            lazy = self._lazy(key)
            threading.Thread(target=self._prepare_ahead, args=(lazy,), name="prepared-steps", daemon=True).start()

    def _prepare_ahead(self, lazy: _Lazy[Steps]) -> None:
        try:
            with self._one_at_a_time, contextlib.suppress(InvalidParamsError):  # `get` raises it.
                lazy.get()
        finally:
            self._room.release()

    def get(self, choice: SamplerChoice, steps: int, made: range | None = None) -> Steps:
        """Return those of `steps` steps that are `made`; None stands for all of them.

        An image that starts from another one leaves out the first ones, and a refiner makes the last ones. Raises
        `InvalidParamsError` where the model and the sampler cannot make them.
        """
        return self._lazy(_key(choice, steps, made)).get()

    def _lazy(self, key: _Key) -> _Lazy[Steps]:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = _Lazy(lambda: _prepare(self._config, key))
            self._kept.move_to_end(key)
            if len(self._kept) > CAPACITY:
                self._kept.popitem(last=False)
            return self._kept[key]


def _key(choice: SamplerChoice, steps: int, made: range | None) -> _Key:
    return _Key(choice, steps, range(steps) if made is None else made)


def _prepare(config: Mapping[str, Any], key: _Key) -> Steps:
    sampler = key.choice.sampler
    scheduler = construct(config, key.choice)
    _check_signal(scheduler, key.choice)
    set_timesteps(scheduler, key.steps, sampler.calls(key.steps))
    calls = sampler.call_range(key.made, key.steps)
    levels = noise_levels(scheduler, calls.start)[: len(calls) + 1]
    timesteps = tuple(scheduler.timesteps.unbind())[calls.start : calls.stop]
    clean = tuple(_clean_factors(scheduler, call, timestep) for call, timestep in zip(calls, timesteps, strict=True))
    try:
        linear = linear_steps.read(copy_scheduler(scheduler), timesteps, clean)
    except (NotImplementedError, ValueError) as error:
        raise InvalidParamsError(
            "sampler",
            f"The sampler {sampler.name} cannot do this model's prediction type, {scheduler.config.prediction_type}.",
        ) from error
    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    return Steps(scheduler, timesteps, levels, clean, linear, takes_generator)


def _check_signal(scheduler: Any, choice: SamplerChoice) -> None:
    """Refuse to compute clean latents from a prediction of noise where nothing but noise is left of them."""
    alphas = getattr(scheduler, "alphas_cumprod", None)
    if alphas is not None and scheduler.config.prediction_type == "epsilon" and not float(alphas[-1]):
        raise InvalidParamsError(
            "sampler",
            f"The sampler {choice.sampler.name} cannot do this model's noise, which leaves no signal at the last "
            "timestep, with its prediction type, epsilon.",
        )


def _clean_factors(scheduler: Any, call: int, timestep: Tensor) -> tuple[float, float]:
    """Return the factors of the UNet's input and output in the clean latents that a call predicts."""
    if hasattr(scheduler, "precondition_outputs"):  # EDM's classes
        one, zero, sigma = torch.ones(()), torch.zeros(()), scheduler.sigmas[call]
        on_latents = scheduler.precondition_outputs(one, zero, sigma) / scheduler.precondition_inputs(one, sigma)
        return float(on_latents), float(scheduler.precondition_outputs(zero, one, sigma))
    return clean_factors(scheduler.config.prediction_type, float(scheduler.alphas_cumprod[round(float(timestep))]))
