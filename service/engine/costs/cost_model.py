"""Estimates what an image costs: UNet calls and rows from its params, seconds from measured calls, bytes from its size.

Runs in both processes; pure. It reads no clock and no files: its callers pass measurements in.
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
"""Pairs of a count and the seconds that one call of that count took, in ascending order of count."""

_KNEE_MARGIN: Final = 0.05
"""Fraction by which more rows must lower the seconds per row to be worth a longer call."""
_MIN_ROWS: Final = 2
"""Smallest cap on the rows of a call: a guided image takes two."""
_MAX_SIZES: Final = 64
"""Number of sizes that are remembered; the one that was measured least recently is forgotten first."""
_UNMEASURED_PIXEL_S: Final = 1e-6
"""Seconds per row and pixel before any measurement: 16 ms for a row of 128x128, as on two CPU cores."""

_LATENT_SIDE: Final = 8
_LATENT_CHANNELS: Final = 16
_LATENT_COPIES: Final = 8
"""Copies of the latents in one state: the latents, the sampler's history, and the last call's input and output."""
_TOKEN_FEATURES: Final = 2048
_FLOAT_BYTES: Final = 4


class SizeCost(msgspec.Struct, frozen=True):
    """Measured costs of one image size."""

    width: int
    height: int
    calls: Points
    """Seconds of a UNet call, sampler updates included, by rows."""
    decodes: Points
    """Seconds of a decode, by images."""
    max_rows: int | None = None
    """The most rows that fit in memory; None where memory never ran out."""


class CostTable(msgspec.Struct, frozen=True):
    """Measured costs of one model on one device. It crosses the process border and is kept on disk."""

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
    """Estimates seconds and learns from measurements. A size that was never measured is judged by the nearest one."""

    def __init__(self, table: CostTable, *, max_rows: int, max_decode: int) -> None:
        """`max_rows` (at least 2) bounds the rows of a UNet call, `max_decode` the images of a decode."""
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
        """Models of measured sizes, least recently measured first."""
        self._guesses: dict[Size, _SizeModel] = {}
        """Models of other sizes, valid until the next measurement."""

    @property
    def measured(self) -> bool:
        """False until the first measurement; until then all seconds are guesses."""
        return self._measured

    def call_s(self, size: Size, rows: int) -> float:
        """Returns the seconds of a UNet call of `rows` rows, sampler updates included."""
        return self._model(size).calls.at(rows)

    def decode_s(self, size: Size, images: int) -> float:
        return self._model(size).decodes.at(images)

    def knee(self, size: Size) -> int:
        """Returns the most rows that a call should have: beyond it, more rows do not lower the seconds per row.

        Where they still did at the largest measured count, the knee is twice that count, so that more is tried.
        """
        model = self._model(size)
        knee = model.calls.knee(_KNEE_MARGIN)
        if knee == model.calls.counts[-1]:
            knee *= 2
        return max(_MIN_ROWS, min(knee, model.max_rows))

    def row_s(self, size: Size) -> float:
        """Returns the device seconds of one row in a full call."""
        knee = self.knee(size)
        return self.call_s(size, knee) / knee

    def image_decode_s(self, size: Size) -> float:
        """Returns the device seconds of one image in a full decode."""
        return self.decode_s(size, self._max_decode) / self._max_decode

    def encode_texts_s(self, texts: int) -> float:
        """Returns the seconds to encode this many texts."""
        return self._encode_s * texts

    def encode_s(self, params: GenerationParams) -> float:
        """Returns the seconds to encode an image's texts. The empty prompt is always cached and costs nothing."""
        return self.encode_texts_s(sum(bool(text) for text in params.texts))

    def solo_s(self, params: GenerationParams) -> float:
        """Returns the seconds from text to pixels with the device to itself."""
        size = params.width, params.height
        calls_s = calls(params) * self.call_s(size, rows(params))
        return self.encode_s(params) + calls_s + self.decode_s(size, 1)

    def price_s(self, params: GenerationParams) -> float:
        """Returns the device seconds that the image adds when its calls and its decode are full."""
        size = params.width, params.height
        calls_s = calls(params) * rows(params) * self.row_s(size)
        return self.encode_s(params) + calls_s + self.image_decode_s(size)

    def learn_call(self, size: Size, rows: int, seconds: float) -> None:
        model = self._remember(size)
        if model.calls_guessed:
            model.calls, model.calls_guessed = model.calls.scaled_to(rows, seconds), False
        else:
            model.calls.learn(rows, seconds)
        self._measured = True

    def learn_decode(self, size: Size, images: int, seconds: float) -> None:
        model = self._remember(size)
        if model.decodes_guessed:
            model.decodes, model.decodes_guessed = model.decodes.scaled_to(images, seconds), False
        else:
            model.decodes.learn(images, seconds)

    def learn_encode(self, texts: int, seconds: float) -> None:
        self._encode_s = updated_mean(self._encode_s, seconds / texts)

    def learn_out_of_memory(self, size: Size, rows: int) -> None:
        """Keeps the knee below `rows`, with which a call ran out of memory."""
        model = self._remember(size)
        model.max_rows = max(_MIN_ROWS, min(model.max_rows, rows - 1))

    def _remember(self, size: Size) -> _SizeModel:
        """Returns the size's model and makes it the most recently measured one."""
        model = self._sizes.pop(size) if size in self._sizes else self._guess(size)
        self._sizes[size] = model
        if len(self._sizes) > _MAX_SIZES:
            del self._sizes[next(iter(self._sizes))]
        self._guesses.clear()
        return model

    def _model(self, size: Size) -> _SizeModel:
        if size in self._sizes:
            return self._sizes[size]
        if size not in self._guesses:
            self._guesses[size] = self._guess(size)
        return self._guesses[size]

    def _guess(self, size: Size) -> _SizeModel:
        """Derives a model from the nearest measured size. A row of twice the pixels counts as two rows, because it is
        as much work and has as much to gain from sharing a call."""
        if not self._sizes:
            row_s = _UNMEASURED_PIXEL_S * _pixels(size)
            return _SizeModel(LatencyCurve([(1, row_s)]), LatencyCurve([(1, row_s)]), self._max_rows, True, True)
        nearest = min(self._sizes, key=lambda known: abs(math.log(_pixels(known) / _pixels(size))))
        known, ratio = self._sizes[nearest], _pixels(size) / _pixels(nearest)
        return _SizeModel(_scaled(known.calls, ratio), _scaled(known.decodes, ratio), self._max_rows, True, True)


def calls(params: GenerationParams) -> int:
    """Returns the number of UNet calls from the first noise to finished latents."""
    sampler = SAMPLERS.get(params.sampler)
    return sampler.calls(params.steps) if sampler else params.steps


def rows(params: GenerationParams) -> int:
    """Returns the number of rows that the image takes in a UNet call."""
    return 2 if params.guided else 1


def state_bytes(params: GenerationParams, info: ModelInfo) -> int:
    """Returns an upper bound on the device bytes that a begun image holds.

    It assumes sixteen latent channels at an eighth of the side, a sampler with history, float32 throughout, and the
    widest text features in use.
    """
    latent = params.width * params.height // _LATENT_SIDE**2 * _LATENT_CHANNELS
    text = rows(params) * info.prompt_tokens * _TOKEN_FEATURES
    return _FLOAT_BYTES * (_LATENT_COPIES * latent + text)


def _pixels(size: Size) -> int:
    return size[0] * size[1]


def _scaled(curve: LatencyCurve, ratio: float) -> LatencyCurve:
    return LatencyCurve((count, curve.at(count * ratio)) for count in curve.counts)
