"""A worker driven turn by turn inside the test, with a clock that only calls advance and a channel in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.fake import INFO, FakePipeline, FakeState
from pipelines.interface import UPSCALE, CostKey, Stage
from pipelines.params import GenerationParams, HiresFix
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.config import WorkerConfig
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.messages import FromWorker, ToWorker
from service.engine.types import Priority
from service.engine.worker.device import PLAIN_DEVICE, Device
from service.engine.worker.loop import Worker
from service.engine.worker.models.opening import single_model
from tests.harness.engine import uploads

MessageT = TypeVar("MessageT", bound=messages.Message)

CALL_S = 0.125
"""Seconds of a UNet call in the harness, by its clock."""
WEIGHT = 10.0
"""Weight of the measurements with which a harness starts."""


def make_costs(
    calls_s: Mapping[tuple[int, int], Mapping[int, float]],
    decodes_s: Mapping[tuple[int, int], Mapping[int, float]],
    texts_s: Mapping[int, float],
    inputs_s: Mapping[tuple[int, int], Mapping[int, float]] | None = None,
    model: str = INFO.name,
) -> CostTable:
    """Returns a table of well-known costs: seconds by rows, images and texts, for each size."""
    return CostTable(
        (
            *(_cost(CostKey(Stage.DENOISE, *size, model=model), points) for size, points in calls_s.items()),
            *(_cost(CostKey(Stage.DECODE, *size, model=model), points) for size, points in decodes_s.items()),
            _cost(CostKey(Stage.TEXT, model=model), texts_s),
            *(
                _cost(CostKey(Stage.INPUT, *size, variant, model), points)
                for size, points in (inputs_s or {}).items()
                for variant in ("", UPSCALE)
            ),
        )
    )


def _cost(key: CostKey, points: Mapping[int, float]) -> KeyCost:
    return KeyCost(key, tuple(Point(count, seconds, WEIGHT) for count, seconds in points.items()), None)


def flat_costs(max_rows: int, call_s: float = CALL_S) -> CostTable:
    """Costs of a device on which a call takes `call_s` with any number of rows, and nothing else takes time."""
    sizes = [(width, 64) for width in (64, 96, 128)]
    return make_costs(
        {size: {1: call_s, max_rows: call_s} for size in sizes},
        {size: {1: 0.0, 4: 0.0} for size in sizes},
        {1: 0.0, 16: 0.0},
        {size: {1: 0.0, 4: 0.0} for size in sizes},
    )


def make_params(
    prompt: str = "a red circle",
    *,
    steps: int = 4,
    width: int = 64,
    height: int = 64,
    guidance_scale: float = 4.0,
    seed: int = 7,
    sampler: str = "ddim",
    image: str | None = None,
    mask: str | None = None,
    keep_unmasked: bool = False,
    strength: float = 1.0,
    hires: HiresFix | None = None,
) -> GenerationParams:
    return GenerationParams(
        prompt=prompt,
        width=width,
        height=height,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        sampler=sampler,
        image=image,
        mask=mask,
        keep_unmasked=keep_unmasked,
        strength=strength,
        hires=hires,
    )


def make_alone(params: GenerationParams) -> bytes:
    """Returns the pixels of an image that the fake pipeline generates alone, without an engine."""
    pipeline = FakePipeline()
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)), uploads.encode(pipeline, params))
    while state.next_call is not None:
        if state.next_call.key.phase == UPSCALE:
            pipeline.upscale([state])
            continue
        (output,) = pipeline.predict([state])
        pipeline.advance([state], [output])
    (rgb_image,) = pipeline.decode([state])
    return rgb_image.pixels


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds


class MemoryChannel:
    """Implements `service.engine.worker.channel.Channel`. Waiting for a message advances the clock."""

    def __init__(self, clock: Clock) -> None:
        self.inbox: deque[ToWorker] = deque()
        self.sent: list[FromWorker] = []
        self.congested = False
        self.unsent_images = 0
        self._clock = clock

    def receive(self, timeout_s: float) -> list[ToWorker]:
        if not self.inbox:
            self._clock.advance(timeout_s)
        messages = list(self.inbox)
        self.inbox.clear()
        return messages

    def send(self, message: FromWorker) -> None:
        self.sent.append(message)

    def send_later(self, make: Callable[[], FromWorker]) -> None:
        self.send(make())


class WorkerHarness:
    """A worker with its clock and its channel."""

    def __init__(
        self,
        pipeline: Callable[[Callable[[float], None]], FakePipeline] = lambda sleep: FakePipeline(
            call_s=CALL_S, sleep=sleep
        ),
        *,
        costs: CostTable | None = None,
        device: Device = PLAIN_DEVICE,
        record: CallRecord | None = None,
        facts: Mapping[str, object] | None = None,
        max_rows: int = 16,
        max_decode: int = 4,
    ) -> None:
        """`pipeline` is called with a `sleep` function that advances the clock."""
        self.clock = Clock()
        self.channel = MemoryChannel(self.clock)
        self._sent_inputs: list[messages.Input] = []
        config = WorkerConfig(model="fake", max_rows=max_rows, max_decode=max_decode)
        self.worker: Worker[bytes, FakeState, bytes] = Worker(
            single_model(pipeline(self.clock.advance)),
            self.channel,
            config,
            costs=flat_costs(max_rows) if costs is None else costs,
            device=device,
            record=record,
            facts=facts or {},
            clock=self.clock,
        )

    def submit(
        self,
        image_id: str,
        params: GenerationParams,
        *,
        priority: Priority = Priority.INTERACTIVE,
        **options: Any,
    ) -> None:
        """`options` are further fields of `Submit`."""
        for message in uploads.messages_of(params):
            if message not in self._sent_inputs:
                self._sent_inputs.append(message)
                self.channel.inbox.append(message)
        self.channel.inbox.append(messages.Submit(image_id, params, priority, **options))

    def cancel(self, image_id: str) -> None:
        self.channel.inbox.append(messages.Cancel(image_id))

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.worker.turn()

    def call(self, times: int = 1) -> None:
        """Plays turns until so many further UNet calls were made."""
        made = len(self.call_rows) + times
        while len(self.call_rows) < made:
            self.worker.turn()

    def run(self) -> None:
        """Runs until everything that was submitted has ended."""
        self.channel.inbox.append(messages.Drain())
        self.worker.run()

    def sent(self, kind: type[MessageT]) -> list[MessageT]:
        return [message for message in self.channel.sent if isinstance(message, kind)]

    @property
    def call_rows(self) -> list[int]:
        """Rows of each UNet call. A guided image takes two."""
        return [call.rows for call in self.calls(Stage.DENOISE)]

    def calls(self, stage: Stage) -> list[messages.CallDone]:
        """Returns the reports of all calls of a stage."""
        return [call for call in self.sent(messages.CallDone) if call.key.stage is stage]

    @property
    def pixels(self) -> dict[str, bytes]:
        """Pixels of the finished images, by id."""
        return {image.image_id: image.pixels for image in self.sent(messages.Finished)}
