"""A fake pipeline that fails on request: for images whose prompt contains "poison", in one stage and at one step."""

from __future__ import annotations

import ctypes
import enum
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

from pipelines.errors import NonFiniteError
from pipelines.fake import INFO, FakeInput, FakePipeline, FakeState
from pipelines.interface import CompletedAdvance, EncodedInput, InputPixels, PendingAdvance, RgbImage, TextKey
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams

SECRET = "/home/somebody/a poisonous prompt"
"""Text of the raised exceptions. No caller and no log may see it."""


class Stage(enum.StrEnum):
    ENCODE = "encode"
    INPUT = "input"
    BEGIN = "begin"
    RESUME = "resume"
    UPSCALE = "upscale"
    PREDICT = "predict"
    ADVANCE = "advance"
    DECODE = "decode"


class Kind(enum.StrEnum):
    RAISE = "raise"
    MEMORY = "memory"
    NAN = "nan"
    HANG = "hang"
    HOLD = "hold"
    """Hangs and holds the interpreter's lock, so that no other thread of the worker can run."""
    EXIT = "exit"


@dataclass(frozen=True)
class Trigger:
    """The place and the way in which a pipeline fails."""

    stage: Stage
    kind: Kind = Kind.RAISE
    step: int = 0
    """UNet calls that the image has made when the fault strikes; only for `predict` and `advance`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parses `stage:kind:step` from a worker's command line."""
        stage, kind, step = text.split(":")
        return cls(Stage(stage), Kind(kind), int(step))

    def strike(self, positions: Sequence[int]) -> None:
        """Fails as `kind` says. `positions` are those of the faulty images in the call."""
        match self.kind:
            case Kind.RAISE:
                raise RuntimeError(SECRET)
            case Kind.MEMORY:
                raise MemoryError(SECRET)
            case Kind.NAN:
                raise NonFiniteError(tuple(positions))
            case Kind.HANG:
                threading.Event().wait()
            case Kind.HOLD:
                ctypes.PyDLL(None).sleep(600)
            case Kind.EXIT:
                os._exit(9)


class FaultyPipeline(FakePipeline):
    """A `FakePipeline` with a `Trigger`."""

    def __init__(
        self,
        trigger: Trigger,
        *,
        call_s: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
        info: ModelInfo = INFO,
    ) -> None:
        super().__init__(call_s=call_s, sleep=sleep, info=info)
        self._trigger = trigger

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self._visit(Stage.ENCODE, [(key.text or "", self._trigger.step) for key in texts])
        return super().encode(texts)

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        self._visit(Stage.INPUT, [(each.prompt, self._trigger.step) for each in params])
        return super().encode_inputs(params, pixels, tiled=tiled)

    def begin(
        self, params: GenerationParams, conditionings: Sequence[bytes], encoded: EncodedInput | None = None
    ) -> FakeState:
        self._visit(Stage.BEGIN, [(params.prompt, self._trigger.step)])
        return super().begin(params, conditionings, encoded)

    def resume(
        self, params: GenerationParams, conditionings: Sequence[bytes], encoded: EncodedInput | None, snapshot: bytes
    ) -> FakeState:
        self._visit(Stage.RESUME, [(params.prompt, self._trigger.step)])
        return super().resume(params, conditionings, encoded, snapshot)

    def upscale(self, states: Sequence[FakeState], *, tiled: bool = False) -> None:
        self._visit(Stage.UPSCALE, [(state.params.prompt, self._trigger.step) for state in states])
        super().upscale(states, tiled=tiled)

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        self._visit(Stage.PREDICT, [(state.params.prompt, state.calls_done) for state in states])
        return super().predict(states)

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        errors: list[Exception | None] = []
        for state, output in zip(states, outputs, strict=True):
            try:
                self._visit(Stage.ADVANCE, [(state.params.prompt, state.calls_done)])
                super().advance([state], [output])
            except Exception as error:  # noqa: BLE001 - it concerns this image alone
                errors.append(error)
            else:
                errors.append(None)
        return CompletedAdvance(errors)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self._visit(Stage.DECODE, [(state.params.prompt, self._trigger.step) for state in states])
        return super().decode(states)

    def _visit(self, stage: Stage, images: Sequence[tuple[str, int]]) -> None:
        """Fails where the trigger says. `images` holds the prompt and the calls done of each image of the call."""
        faulty = [
            position
            for position, (prompt, calls) in enumerate(images)
            if "poison" in prompt and calls == self._trigger.step
        ]
        if stage is self._trigger.stage and faulty:
            self._trigger.strike(faulty)
