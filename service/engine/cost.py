"""What a picture costs: UNet rows by its params, seconds by what calls were measured to take. Keeps no clock."""

from __future__ import annotations

from typing import Final

from pipelines.params import GenerationParams
from pipelines.samplers import SAMPLERS

_WEIGHT: Final = 0.1
"""Of the newest call in the running mean."""
_UNMEASURED_PIXEL_S: Final = 1e-6
"""Seconds a row and pixel before the first call: 16 ms for a row of 128x128, as on two CPU cores."""


def row_calls(params: GenerationParams) -> int:
    """Rows times UNet calls that the picture takes from beginning to end."""
    sampler = SAMPLERS.get(params.sampler)
    calls = sampler.calls(params.steps) if sampler else params.steps
    return calls * (2 if params.guided else 1)


class Speed:
    """A running mean of the seconds that one row and pixel of a UNet call takes."""

    def __init__(self) -> None:
        self._pixel_s: float | None = None

    def record(self, *, width: int, height: int, rows: int, seconds: float) -> None:
        pixel_s = seconds / (rows * width * height)
        self._pixel_s = pixel_s if self._pixel_s is None else self._pixel_s + _WEIGHT * (pixel_s - self._pixel_s)

    def solo_s(self, params: GenerationParams) -> float:
        """Seconds that the picture's UNet calls should take, at the speed of late."""
        pixel_s = _UNMEASURED_PIXEL_S if self._pixel_s is None else self._pixel_s
        return row_calls(params) * params.width * params.height * pixel_s
