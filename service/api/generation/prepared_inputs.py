"""The uploads of a request, prepared at the size of its images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.images.inputs.raster import InputFile


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
