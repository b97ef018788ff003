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

from pipelines import input_checks, work_plan
from pipelines.errors import InvalidParamsError, SnapshotError
from pipelines.interface import (
    UPCAST,
    UPSCALE,
    CompletedAdvance,
    CompletedDecode,
    EncodedInput,
    InputPixels,
    NextCall,
    PendingAdvance,
    PendingDecode,
    RgbImage,
    Stage,
    TextKey,
    WorkPlan,
)
from pipelines.model_info import Limits, ModelInfo
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS, PromptLengths, TextLength
from pipelines.sampling import samplers
from pipelines.snapshots import CompletedSnapshot

INFO: Final = ModelInfo(
    name="darkroom-fake",
    sizes=((128, 128), (160, 96), (96, 160)),
    default_steps=20,
    default_guidance_scale=4.0,
    default_sampler="ddim",
    prompt_tokens=32,
    device="cpu",
    dtype="float32",
    input_kinds=("image", "mask"),
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
_DIGEST_BYTES: Final = hashlib.sha256().digest_size
_PLACE: Final = struct.Struct("<III")
"""The position of an image in a snapshot: steps before the pass, calls done, phases left."""


@dataclass(frozen=True, slots=True)
class FakeInput:
    """Implements `interface.EncodedInput`."""

    digest: bytes
    """32 bytes that stand for what was encoded."""
    nbytes: int
    step: int = 0
    """Steps that another model has made."""


@dataclass(slots=True)
class FakeState:
    """Implements `interface.ImageState`."""

    params: GenerationParams
    phases: list[NextCall]
    """The next call, and the first call of each later phase up to finished latents."""
    latent: bytes
    """32 bytes that stand for the latents."""
    prompt_lengths: PromptLengths
    steps_before: int = 0
    """Steps that were made before those of this pass."""
    upcast: bool = False
    calls_done: int = 0
    """UNet calls that were made, in all passes together."""
    _calls_before: int = 0

    @property
    def next_call(self) -> NextCall | None:
        return self.phases[0] if self.phases else None

    @property
    def step(self) -> int:
        steps = work_plan.second_pass_steps(self.params) if self._calls_before else self._first_steps
        calls = self.calls_done - self._calls_before
        left = sum(call.calls_left for call in self.phases[:1] if call.key.stage is Stage.DENOISE)
        return self.steps_before + (steps * calls // (calls + left) if calls else 0)

    def make_call(self) -> None:
        """Count one UNet call, and go on to the next pass where it was the last of one and nothing lies between."""
        self.calls_done += 1
        left = self.phases[0].calls_left - 1
        if left:
            self.phases[0] = replace(self.phases[0], calls_left=left)
        else:
            self.end_phase()

    def end_phase(self) -> None:
        self.phases.pop(0)
        if self.phases and self.phases[0].key.stage is Stage.DENOISE:
            self._calls_before, self.steps_before = self.calls_done, self._first_steps

    @property
    def _first_steps(self) -> int:
        return work_plan.first_pass_steps(self.params)


class FakePipeline:
    """Implements `interface.Pipeline[bytes, FakeState, bytes]`."""

    def __init__(
        self,
        *,
        call_s: float = 0.0,
        row_s: float = 0.0,
        decode_s: float = 0.0,
        encode_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        info: ModelInfo = INFO,
    ) -> None:
        """`predict` sleeps call_s + row_s x rows seconds, `decode` sleeps decode_s, `encode_inputs` sleeps encode_s and
        `upscale` both, by calling `sleep`."""
        self.info = info
        self._call_s = call_s
        self._row_s = row_s
        self._decode_s = decode_s
        self._encode_s = encode_s
        self._sleep = sleep

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        return work_plan.plan(self.info, params, upcast=upcast)

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        return work_plan.texts(self.info, params)

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        return [hashlib.sha256((key.text or "").encode()).digest() for key in texts]

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        """Digest the pixels at once. `tiled` changes nothing."""
        assert len({(each.width, each.height) for each in params}) == 1, "images of one call share a size"
        self._spend(self._encode_s)
        return [
            FakeInput(_digest(*(each.pixels for each in inputs)), sum(len(each.pixels) for each in inputs))
            for inputs in pixels
        ]

    def begin(
        self, params: GenerationParams, conditionings: Sequence[bytes], encoded: EncodedInput | None = None
    ) -> FakeState:
        assert len(conditionings) == len(self.texts(params)), "an image takes one conditioning for each of its texts"
        for field, side in (("width", params.width), ("height", params.height)):
            if side % _SCALE:
                raise InvalidParamsError(field, f"{field} must be a multiple of {_SCALE}.")
        samplers.find(params.sampler, params.schedule)
        input_checks.check(self.info, params)
        assert encoded is None or isinstance(encoded, FakeInput), "inputs come from such a pipeline"
        needs_input = params.image is not None or params.taken_over_at > 0
        assert (encoded is not None) == needs_input, "an image that starts from another one, or after a model, needs it"
        noise = struct.pack("<Qd", params.seed, params.guidance_scale)
        variant = f"{params.sampler}/{params.schedule}/{params.steps}/{params.width}x{params.height}".encode()
        latent = _digest(noise, conditionings[-1], conditionings[0] if params.guided else b"", variant)
        if encoded is not None:
            latent = _digest(latent, encoded.digest, struct.pack("<d", params.strength))
        lengths = prompt_lengths(self.texts(params))
        calls = list(work_plan.denoising_calls(self.info, params))
        before = encoded.step if encoded is not None else 0
        return FakeState(params, calls, latent, lengths, steps_before=before)

    def begin_upcast(self, params: GenerationParams, encoded: EncodedInput | None = None) -> FakeState:
        """Begin the image as `begin` does, in the upcast phase. Its pixels are the same."""
        state = self.begin(params, self.encode(self.texts(params)), encoded)
        state.upcast = True
        state.phases = list(work_plan.denoising_calls(self.info, params, phase=UPCAST))
        return state

    def snapshot(self, state: FakeState) -> CompletedSnapshot | None:
        if state.upcast:
            return None
        return CompletedSnapshot(state.latent + _PLACE.pack(state.steps_before, state.calls_done, len(state.phases)))

    def resume(
        self, params: GenerationParams, conditionings: Sequence[bytes], encoded: EncodedInput | None, snapshot: bytes
    ) -> FakeState:
        if len(snapshot) != _DIGEST_BYTES + _PLACE.size:
            raise SnapshotError("The snapshot is damaged.")
        steps_before, calls_done, phases_left = _PLACE.unpack(snapshot[_DIGEST_BYTES:])
        handed_over = FakeInput(snapshot[:_DIGEST_BYTES], 0, steps_before) if params.taken_over_at else encoded
        state = self.begin(params, conditionings, handed_over)
        while len(state.phases) > phases_left:
            state.calls_done += state.phases[0].calls_left if state.phases[0].key.stage is Stage.DENOISE else 0
            state.end_phase()
        while state.calls_done < calls_done:
            state.make_call()
        state.latent = snapshot[:_DIGEST_BYTES]
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
            state.make_call()
        return CompletedAdvance([None] * len(states))

    def hand_over(self, state: FakeState) -> FakeInput:
        return FakeInput(state.latent, len(state.latent), state.step)

    def upscale(self, states: Sequence[FakeState], *, tiled: bool = False) -> None:
        """Change the images at once. `tiled` changes nothing."""
        keys = {state.next_call.key for state in states if state.next_call is not None}
        assert [key.phase for key in keys] == [UPSCALE], "only images between two passes are enlarged"
        self._spend(self._decode_s + self._encode_s)
        for state in states:
            state.latent = _digest(b"upscale", state.latent)
            state.end_phase()

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


def prompt_lengths(texts: Sequence[TextKey]) -> PromptLengths:
    """Return how much of an image's texts is read, where every word is a token."""
    lengths = [_length(key) for key in texts]
    return PromptLengths(prompt=lengths[-1], negative=lengths[0] if len(texts) > 1 else None)


def _length(key: TextKey) -> TextLength:
    words = len((key.text or "").split())
    room = (INFO.prompt_tokens - 2) * (MAX_PROMPT_CHUNKS if key.long else 1)
    return TextLength(read=min(words, room), total=words)


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"\0".join(parts)).digest()


def _paint(latent: bytes, width: int, height: int) -> RgbImage:
    row = b"".join(latent[3 * band : 3 * band + 3] for band in (x * _BANDS // width for x in range(width)))
    return RgbImage(width, height, row * height)
