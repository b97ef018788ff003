"""Makes the images of a warm-up: images of one step, begun again as often as calls are measured.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic

from pipelines.interface import (
    ConditioningT,
    EncodedInput,
    InputPixels,
    OutputT,
    Pipeline,
    StateT,
    TextKey,
    finish_or_raise,
)
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine.types import Size

_STEPS: Final = 1
"""Steps of an image. Each call uses a new image, so that a slow model makes no more calls than are measured."""
_BLANK: Final = "blank"
"""Stands for the digest of the upload that images start from."""


class WarmupBatch(Generic[ConditioningT, StateT, OutputT]):
    """Images that share their calls."""

    def __init__(self, pipeline: Pipeline[ConditioningT, StateT, OutputT], images: Sequence[GenerationParams]) -> None:
        self._pipeline = pipeline
        self._images = images
        self._states: list[StateT] = []
        self._known: dict[TextKey, ConditioningT] = {}
        self._encoded: EncodedInput | None = None

    @property
    def finished(self) -> bool:
        """Whether there are no images under way."""
        return not self._states or self._states[0].next_call is None

    def begin_again(self) -> None:
        """Begins the images if none are under way."""
        if self.finished:
            if not self._known:
                wanted = list({key: None for params in self._images for key in self._pipeline.texts(params)})
                self._known = dict(zip(wanted, self._pipeline.encode(wanted), strict=True))
                self._encoded = self._encode_input(self._images[0])
            self._states = [
                self._pipeline.begin(params, [self._known[key] for key in self._pipeline.texts(params)], self._encoded)
                for params in self._images
            ]

    def _encode_input(self, params: GenerationParams) -> EncodedInput | None:
        """Encodes a blank input for all the images, if the model requires one."""
        if not params.pixels:
            return None
        size = params.width, params.height
        pixels = [blank(size, 3), blank(size, 1)][: len(params.pixels)]
        (encoded,) = self._pipeline.encode_inputs([params], [pixels])
        return encoded

    def step(self) -> None:
        """Makes one UNet call and the sampler updates after it."""
        finish_or_raise(self._pipeline.advance(self._states, self._pipeline.predict(self._states)))

    def decode(self) -> None:
        self._pipeline.decode(self._states)


def make_params(info: ModelInfo, size: Size, rows: int, *, guided: bool) -> list[GenerationParams]:
    """Returns images that take `rows` rows in all: unguided ones, or guided ones and an unguided one if it is odd."""
    scales = [2.0] * (rows // 2) + [1.0] * (rows % 2) if guided else [1.0] * rows
    return [
        GenerationParams(
            prompt="",
            width=size[0],
            height=size[1],
            steps=_STEPS,
            guidance_scale=scale,
            seed=0,
            sampler=info.default_sampler,
            image=_BLANK if "image" in info.required_inputs else None,
            mask=_BLANK if "mask" in info.required_inputs else None,
        )
        for scale in scales
    ]


def blank(size: Size, channels: int) -> InputPixels:
    """Returns white pixels."""
    width, height = size
    return InputPixels(width, height, channels, bytes([255]) * (width * height * channels))
