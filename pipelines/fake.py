"""A deterministic pipeline without weights, for tests and benchmarks of the layers above. Torch-free.

An image's pixels are a pure function of its parameters: every call updates a SHA-256 digest, and the last digest is
painted as vertical bands. Images take as many rows and calls as in a real pipeline. The caller sets how long a
call lasts.
"""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipelines import work_plan
from pipelines.errors import InvalidParamsError
from pipelines.interface import (
    UPCAST,
    CompletedAdvance,
    CompletedDecode,
    Limits,
    ModelInfo,
    NextCall,
    PendingAdvance,
    PendingDecode,
    RgbImage,
    TextKey,
    WorkPlan,
)
from pipelines.params import GenerationParams
from pipelines.sampling import samplers

INFO: Final = ModelInfo(
    name="darkroom-fake",
    sizes=((128, 128), (160, 96), (96, 160)),
    default_steps=20,
    default_guidance_scale=4.0,
    default_sampler="ddim",
    prompt_tokens=32,
    device="cpu",
    dtype="float32",
    limits=Limits(
        side_multiple=8,
        min_side=64,
        max_side=1024,
        max_pixels=1024 * 1024,
        max_steps=200,
        max_guidance_scale=20.0,
        max_prompt_chars=4000,
    ),
)

_BANDS: Final = 10
_SCALE: Final = 8
"""Pixels per latent, in width and in height."""


@dataclass(slots=True)
class FakeState:
    params: GenerationParams
    next_call: NextCall | None
    calls: int
    """Total number of UNet calls for the image."""
    latent: bytes
    """32 bytes that stand for the latents."""
    upcast: bool = False

    @property
    def calls_done(self) -> int:
        return self.calls - (self.next_call.calls_left if self.next_call else 0)

    @property
    def step(self) -> int:
        return self.calls_done * self.params.steps // self.calls


class FakePipeline:
    """Implements `interface.Pipeline[bytes, FakeState, bytes]`."""

    def __init__(
        self,
        *,
        call_s: float = 0.0,
        row_s: float = 0.0,
        decode_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        info: ModelInfo = INFO,
    ) -> None:
        """`predict` sleeps call_s + row_s x rows seconds, and `decode` sleeps decode_s, by calling `sleep`."""
        self.info = info
        self._call_s = call_s
        self._row_s = row_s
        self._decode_s = decode_s
        self._sleep = sleep

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        return work_plan.plan(self.info, params, upcast=upcast)

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        return work_plan.texts(self.info, params)

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        return [hashlib.sha256((key.text or "").encode()).digest() for key in texts]

    def begin(self, params: GenerationParams, conditionings: Sequence[bytes]) -> FakeState:
        assert len(conditionings) == len(self.texts(params)), "an image takes one conditioning for each of its texts"
        for field, side in (("width", params.width), ("height", params.height)):
            if side % _SCALE:
                raise InvalidParamsError(field, f"{field} must be a multiple of {_SCALE}.")
        calls = samplers.find(params.sampler, params.schedule).sampler.calls(params.steps)
        noise = struct.pack("<Qd", params.seed, params.guidance_scale)
        variant = f"{params.sampler}/{params.schedule}/{params.steps}/{params.width}x{params.height}".encode()
        latent = _digest(noise, conditionings[-1], conditionings[0] if params.guided else b"", variant)
        return FakeState(params, work_plan.denoise_call(self.info, params, calls), calls, latent)

    def begin_upcast(self, params: GenerationParams) -> FakeState:
        """Begin the image as `begin` does, in the upcast phase. Its pixels are the same."""
        state = self.begin(params, self.encode(self.texts(params)))
        state.upcast = True
        state.next_call = work_plan.denoise_call(self.info, params, state.calls, phase=UPCAST)
        return state

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        calls = [state.next_call for state in states if state.next_call is not None]
        assert len(calls) == len(states), "a finished image cannot take part in a call"
        assert len({call.key for call in calls}) == 1, "images of one call share a key"
        self._spend(self._call_s + self._row_s * sum(call.rows for call in calls))
        return [_digest(b"predict", state.latent) for state in states]

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        for state, output in zip(states, outputs, strict=True):
            assert state.next_call is not None, "a finished image cannot advance"
            state.latent = _digest(b"advance", state.latent, output)
            left = state.next_call.calls_left - 1
            state.next_call = replace(state.next_call, calls_left=left) if left else None
        return CompletedAdvance([None] * len(states))

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        sizes = {(state.params.width, state.params.height) for state in states}
        assert len(sizes) == 1, "images of one decode share a size"
        self._spend(self._decode_s)
        return [_paint(state.latent, state.params.width, state.params.height) for state in states]

    def start_decode(self, states: Sequence[FakeState], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
        """Paint the images at once. `wide` and `tiled` change nothing."""
        return CompletedDecode(self.decode(states))

    def preview(self, state: FakeState) -> RgbImage:
        return _paint(state.latent, state.params.width // _SCALE, state.params.height // _SCALE)

    def _spend(self, seconds: float) -> None:
        if seconds:
            self._sleep(seconds)


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(parts)).digest()


def _paint(latent: bytes, width: int, height: int) -> RgbImage:
    row = b"".join(latent[3 * band : 3 * band + 3] for band in (x * _BANDS // width for x in range(width)))
    return RgbImage(width, height, row * height)
