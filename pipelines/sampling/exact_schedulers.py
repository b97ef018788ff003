"""Diffusers schedulers whose own arithmetic is slow or loses the noise levels, with better arithmetic.

They make the steps of the classes that they replace, up to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import torch
from diffusers import EulerAncestralDiscreteScheduler, KDPM2AncestralDiscreteScheduler, LMSDiscreteScheduler
from torch import Tensor
from torch.overrides import TorchFunctionMode

MAX_FALL: Final = 2.0**12
"""Most by which the noise may fall from one call to the next where an ancestral class computes in float32."""


class ExactLMSScheduler(LMSDiscreteScheduler):  # type: ignore[misc]  # diffusers has no types
    """LMS with exact coefficients. Diffusers integrates numerically in every step, which takes milliseconds."""

    def get_lms_coefficient(self, order: int, t: int, current_order: int) -> float:
        """Integrate a Lagrange polynomial of degree 3 or less, for which two Gauss-Legendre points are exact."""
        recent = [float(self.sigmas[t - k]) for k in range(order)]
        end = float(self.sigmas[t + 1])
        middle, half = (end + recent[0]) / 2, (end - recent[0]) / 2
        own = recent.pop(current_order)
        integral = 0.0
        for tau in (middle - half / math.sqrt(3), middle + half / math.sqrt(3)):
            product = half
            for other in recent:
                product *= (tau - other) / (own - other)
            integral += product
        return integral


class _InFloat64(TorchFunctionMode):
    """Makes float64 of every tensor of float32 that is moved to a device."""

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        return result.double() if func is Tensor.to and result.dtype is torch.float32 else result


class EulerAncestralInFloat64(EulerAncestralDiscreteScheduler):  # type: ignore[misc]  # diffusers has no types
    """Euler a for models whose noise falls far. Each step takes the root of a difference of two squared noise levels.

    Rounded to float32, the difference is negative for some numbers of steps where the noise falls by more than
    `MAX_FALL`, and its root is NaN.
    """

    def set_timesteps(self, *args: Any, **options: Any) -> None:
        with _InFloat64():
            super().set_timesteps(*args, **options)


class KDPM2AncestralInFloat64(KDPM2AncestralDiscreteScheduler):  # type: ignore[misc]  # diffusers has no types
    """DPM2 a for models whose noise falls far, for the reason of `EulerAncestralInFloat64`."""

    def set_timesteps(self, *args: Any, **options: Any) -> None:
        with _InFloat64():
            super().set_timesteps(*args, **options)


EXACT: Final[Mapping[str, Any]] = {"LMSDiscreteScheduler": ExactLMSScheduler}
"""The class that takes the place of one of diffusers'."""
EXACT_WHERE_NOISE_FALLS_FAR: Final[Mapping[str, Any]] = {
    "EulerAncestralDiscreteScheduler": EulerAncestralInFloat64,
    "KDPM2AncestralDiscreteScheduler": KDPM2AncestralInFloat64,
}
"""The class that takes the place of one of diffusers' for models whose noise falls by more than `MAX_FALL` in all."""


def noise_fall(scheduler: Any) -> float:
    """Return how many times larger the noise of the last training timestep is than that of the first."""
    alphas = scheduler.alphas_cumprod[[0, -1]].double()
    first, last = ((1 - alphas) / alphas).sqrt().tolist()
    return float(last / first)
