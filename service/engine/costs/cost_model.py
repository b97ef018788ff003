"""What an image costs: UNet calls by its params, seconds by what calls were measured to take, bytes by its size.

It keeps no clock and no files: measurements are handed in, by whoever makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from service.engine.costs.latency_curve import LatencyCurve, updated_mean
from service.engine.types import Size

Points: TypeAlias = tuple[tuple[int, float], ...]
"""Pairs of a count and the seconds that so many took together, by count."""

_KNEE_MARGIN: Final = 0.05
"""Share by which more rows must lower the seconds of a row to be worth the longer call."""
_MIN_ROWS: Final = 2
"""Of a call: what a guided image takes."""
_MAX_SIZES: Final = 64
"""Sizes that are remembered; the one longest without a measurement is forgotten first."""
_UNMEASURED_PIXEL_S: Final = 1e-6
"""Seconds a row and pixel before any measurement: 16 ms for a row of 128x128, as on two CPU cores."""

_LATENT_SIDE: Final = 8
_LATENT_CHANNELS: Final = 16
_LATENT_COPIES: Final = 8
"""Latents, a sampler's history, and the last call's input and output by row."""
_TOKEN_FEATURES: Final = 2048
_FLOAT_BYTES: Final = 4


class SizeCost(msgspec.Struct, frozen=True):
    """What was measured at one size."""

    width: int
    height: int
    calls: Points
    """UNet calls, sampler updates included, by rows."""
    decodes: Points
    """DecodeStage, by images."""
    max_rows: int | None = None
    """The most rows that memory had room for, where it ran out beyond."""


class CostTable(msgspec.Struct, frozen=True):
    """What was measured of one model on one device. It crosses the process border, and is kept on disk."""

    sizes: tuple[SizeCost, ...] = ()
    encode_s: float = 0.0
    """Seconds to encode one text."""


@dataclass(slots=True)
class _SizeModel:
    calls: LatencyCurve
    decodes: LatencyCurve
    max_rows: int
    calls_guessed: bool = False
    decodes_guessed: bool = False


class CostModel:
    """Estimates in seconds, refined by every measurement. A size never met is judged by the nearest that was."""

    def __init__(self, table: CostTable, *, max_rows: int, max_decode: int) -> None:
        """`max_rows` (at least 2) bounds a UNet call, `max_decode` the images of a decode."""
        self._max_rows = max_rows
        self._max_decode = max_decode
        self._encode_s = table.encode_s
        self._measured = bool(table.sizes)
        self._sizes = {
            (cost.width, cost.height): _SizeModel(
                LatencyCurve(cost.calls), LatencyCurve(cost.decodes), min(cost.max_rows or max_rows, max_rows)
            )
            for cost in table.sizes
        }
        self._guesses: dict[Size, _SizeModel] = {}
        """Of sizes never met, until something is learnt."""

    @property
    def measured(self) -> bool:
        """Whether anything was; until then all seconds are guesses."""
        return self._measured

    def call_s(self, size: Size, rows: int) -> float:
        """A UNet call of so many rows, sampler updates included."""
        return self._of(size).calls.at(rows)

    def decode_s(self, size: Size, images: int) -> float:
        return self._of(size).decodes.at(images)

    def knee(self, size: Size) -> int:
        """The most rows that a call should have: the count beyond which more rows no longer save time.

        Where they did up to the largest count measured, twice that is worth a try.
        """
        model = self._of(size)
        knee = model.calls.knee(_KNEE_MARGIN)
        if knee == model.calls.counts[-1]:
            knee *= 2
        return max(_MIN_ROWS, min(knee, model.max_rows))

    def row_s(self, size: Size) -> float:
        """Device seconds of one row in a call that is full."""
        knee = self.knee(size)
        return self.call_s(size, knee) / knee

    def image_decode_s(self, size: Size) -> float:
        """Device seconds of one image in a decode that is full."""
        return self.decode_s(size, self._max_decode) / self._max_decode

    def texts_s(self, texts: int) -> float:
        """Encoding so many texts that were not known."""
        return self._encode_s * texts

    def encode_s(self, params: GenerationParams) -> float:
        """The empty prompt is known from the beginning, and costs nothing."""
        return self.texts_s(sum(bool(text) for text in params.texts))

    def solo_s(self, params: GenerationParams) -> float:
        """From text to pixels, with the device to itself."""
        size = params.width, params.height
        calls_s = calls(params) * self.call_s(size, rows(params))
        return self.encode_s(params) + calls_s + self.decode_s(size, 1)

    def price_s(self, params: GenerationParams) -> float:
        """Device seconds that the image adds to those of its company."""
        size = params.width, params.height
        calls_s = calls(params) * rows(params) * self.row_s(size)
        return self.encode_s(params) + calls_s + self.image_decode_s(size)

    def learn_call(self, size: Size, rows: int, seconds: float) -> None:
        model = self._met(size)
        if model.calls_guessed:
            model.calls, model.calls_guessed = model.calls.scaled_to(rows, seconds), False
        else:
            model.calls.learn(rows, seconds)
        self._measured = True

    def learn_decode(self, size: Size, images: int, seconds: float) -> None:
        model = self._met(size)
        if model.decodes_guessed:
            model.decodes, model.decodes_guessed = model.decodes.scaled_to(images, seconds), False
        else:
            model.decodes.learn(images, seconds)

    def learn_encode(self, texts: int, seconds: float) -> None:
        self._encode_s = updated_mean(self._encode_s, seconds / texts)

    def forbid(self, size: Size, rows: int) -> None:
        """A call of so many rows ran out of memory: none will have as many again."""
        model = self._met(size)
        model.max_rows = max(_MIN_ROWS, min(model.max_rows, rows - 1))

    def _met(self, size: Size) -> _SizeModel:
        """The size's model, which becomes the one met last."""
        model = self._sizes.pop(size) if size in self._sizes else self._guess(size)
        self._sizes[size] = model
        if len(self._sizes) > _MAX_SIZES:
            del self._sizes[next(iter(self._sizes))]
        self._guesses.clear()
        return model

    def _of(self, size: Size) -> _SizeModel:
        if size in self._sizes:
            return self._sizes[size]
        if size not in self._guesses:
            self._guesses[size] = self._guess(size)
        return self._guesses[size]

    def _guess(self, size: Size) -> _SizeModel:
        """A row of twice the pixels counts as two rows: it is as much work, and as much to share between calls."""
        if not self._sizes:
            row_s = _UNMEASURED_PIXEL_S * _pixels(size)
            return _SizeModel(LatencyCurve([(1, row_s)]), LatencyCurve([(1, row_s)]), self._max_rows, True, True)
        nearest = min(self._sizes, key=lambda known: abs(math.log(_pixels(known) / _pixels(size))))
        known, ratio = self._sizes[nearest], _pixels(size) / _pixels(nearest)
        return _SizeModel(_scaled(known.calls, ratio), _scaled(known.decodes, ratio), self._max_rows, True, True)


def calls(params: GenerationParams) -> int:
    """UNet calls from noise to finished latents."""
    sampler = SAMPLERS.get(params.sampler)
    return sampler.calls(params.steps) if sampler else params.steps


def rows(params: GenerationParams) -> int:
    """Rows that the image takes in a UNet call."""
    return 2 if params.guided else 1


def state_bytes(params: GenerationParams, info: ModelInfo) -> int:
    """Bytes that a begun image holds on the device, from above: for sixteen latent channels at an eighth of the side,
    a sampler that remembers, float32 throughout, and the widest text features in use."""
    latent = params.width * params.height // _LATENT_SIDE**2 * _LATENT_CHANNELS
    text = rows(params) * info.prompt_tokens * _TOKEN_FEATURES
    return _FLOAT_BYTES * (_LATENT_COPIES * latent + text)


def _pixels(size: Size) -> int:
    return size[0] * size[1]


def _scaled(curve: LatencyCurve, ratio: float) -> LatencyCurve:
    return LatencyCurve((count, curve.at(count * ratio)) for count in curve.counts)
