"""The uploads of a request, prepared at the size of its images, and what stands for them before they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pipelines.interface import InputPixels
from pipelines.model_info import ModelInfo
from pipelines.params import PixelKey
from service.engine.types import Size
from service.images.inputs.raster import InputFile

_UNDECODED: Final = 64 * "0"


@dataclass(frozen=True, slots=True)
class PreparedInputs:
    image: str | None = None
    """SHA-256 of the prepared image, as `GenerationParams.image`; None where the images start from noise alone."""
    mask: str | None = None
    strength: float | None = None
    """None leaves it to `resolve`."""
    keep_unmasked: bool = False
    pixels: Mapping[PixelKey, InputPixels] = field(default_factory=dict)
    """The pixels for the engine."""
    files: Sequence[InputFile] = ()
    """The files for the job store."""


NO_INPUTS: Final = PreparedInputs()

Judge: TypeAlias = Callable[[Size, PreparedInputs], object]
"""Checks a request, given the size of the image that it starts from and the prepared uploads. Raises its refusal."""


def judge_undecoded(judge: Judge, model: ModelInfo, *, mask: bool, strength: float | None) -> None:
    """Checks a request before its image is decoded. Raises the refusal if no image could make the request valid.

    The size is the least that the model draws, for no check refuses an image because it is small. `mask` says whether
    there is a mask, or may be one.
    """
    least = model.limits.min_side
    judge((least, least), PreparedInputs(_UNDECODED, _UNDECODED if mask else None, strength))
