"""Plays requests for many models on one device in virtual time: with Darkroom's worker, and first come, first served.

The worker, its scheduler and its pool of models are the real ones. Only the device's calls and the loads are simulated.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from benchmarks.models.trace import ModelRequest
from benchmarks.simulator.darkroom_server import SimulatedPipeline
from pipelines.fake import INFO
from pipelines.interface import CostKey, Pipeline, Stage
from pipelines.params import GenerationParams
from pipelines.progress import Report, unreported
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable, KeyCost, Point
from service.engine.messages import FromWorker, ToWorker
from service.engine.worker.loop import Worker
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.loader_thread import Outcome
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.store import HostCopy
from service.engine.worker.models.transfers import Transfers

MAX_ROWS: Final = 16
_MAX_COUNTS: Final = {Stage.TEXT: 16, Stage.DENOISE: MAX_ROWS, Stage.DECODE: 4}
_SIZE: Final = (128, 128)
_SAMPLER: Final = "euler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The speed and memory of the simulated device. The defaults are round numbers for a GPU with models like SDXL."""

    call_s: float = 0.04
    """Seconds of a UNet call without its rows, each of which adds `row_s`."""
    row_s: float = 0.02
    decode_s: float = 0.08
    """Seconds for each decoded image."""
    disk_load_s: float = 8.0
    host_load_s: float = 1.0
    models: int = 5
    """Models that fit on the device."""
    host_models: int = 15
    """Models that fit on the host besides."""

    def costs(self, model: str) -> CostTable:
        counts = (1, 2, 4, 8, MAX_ROWS)
        return CostTable(
            (
                KeyCost(
                    CostKey(Stage.DENOISE, *_SIZE, model=model),
                    tuple(Point(count, self.call_s + count * self.row_s, 10.0) for count in counts),
                ),
                KeyCost(
                    CostKey(Stage.DECODE, *_SIZE, model=model),
                    tuple(Point(count, count * self.decode_s, 10.0) for count in (1, 2, 4)),
                ),
                KeyCost(CostKey(Stage.TEXT, model=model), (Point(1, 0.005, 10.0), Point(16, 0.02, 10.0))),
            )
        )


class Answer(NamedTuple):
    """The outcome of one request."""

    waited_s: float
    """Seconds from its arrival to the start of its first image."""
    latency_s: float
    """Seconds from its arrival to the end of its last image."""
    hit: bool
    """Whether its model was resident when it arrived."""


class Played(NamedTuple):
    answers: list[Answer]
    loads: int
    loading_s: float
    """Seconds in which a load was under way."""
    end_s: float


class _SimulatedLoads:
    """Implements `Loader` and `ModelStore`: a load is done when the clock says so."""

    def __init__(self, device: Device, pipelines: Callable[[str], Pipeline[Any, Any, Any]], clock: Clock) -> None:
        self._device = device
        self._pipelines = pipelines
        self._clock = clock
        self._seconds = 0.0
        self._outcome: Outcome[Pipeline[Any, Any, Any]] | None = None
        self._ready_s = math.inf
        self.loads = 0
        self.loading_s = 0.0

    def start(self, work: Callable[[Report], Pipeline[Any, Any, Any]]) -> None:
        self._seconds = 0.0
        self._outcome = Outcome(work(unreported))
        self._ready_s = self._clock.now_s + self._seconds
        self.loads += 1
        self.loading_s += self._seconds

    def cancel(self) -> None:
        """Does nothing: nobody cancels a load here."""

    def poll(self) -> Outcome[Pipeline[Any, Any, Any]] | None:
        if self._clock.now_s < self._ready_s:
            return None
        outcome, self._outcome, self._ready_s = self._outcome, None, math.inf
        return outcome

    @property
    def ready_s(self) -> float:
        """The time at which the load under way is done; infinity where there is none."""
        return self._ready_s

    def load(self, name: str, report: Report) -> Pipeline[Any, Any, Any]:
        self._seconds += self._device.disk_load_s
        return self._pipelines(name)

    def to_host(self, name: str, pipeline: Pipeline[Any, Any, Any]) -> HostCopy:
        self._seconds += self._device.host_load_s
        return _SimulatedCopy(self, pipeline)

    def from_host(self, pipeline: Pipeline[Any, Any, Any]) -> Pipeline[Any, Any, Any]:
        self._seconds += self._device.host_load_s
        return pipeline

    def forget(self, name: str) -> None:
        """Does nothing: nothing else is kept of a model."""

    def free(self) -> None:
        """Does nothing: the memory is simulated."""


@dataclass(frozen=True, slots=True)
class _SimulatedCopy:
    store: _SimulatedLoads
    pipeline: Pipeline[Any, Any, Any]

    def to_device(self, report: Report) -> Pipeline[Any, Any, Any]:
        return self.store.from_host(self.pipeline)


@dataclass(slots=True)
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class _Channel:
    """A worker's channel in memory. Waiting for a message passes the time to the next event."""

    congested = False
    unsent_images = 0

    def __init__(self, clock: Clock) -> None:
        self.inbox: list[ToWorker] = []
        self.sent: list[FromWorker] = []
        self.next_event_s = math.inf
        self._clock = clock

    def receive(self, timeout_s: float) -> list[ToWorker]:
        if not self.inbox and timeout_s:
            self._clock.now_s = max(self._clock.now_s, min(self._clock.now_s + timeout_s, self.next_event_s))
        received, self.inbox = self.inbox, []
        return received

    def send(self, message: FromWorker) -> None:
        self.sent.append(message)

    def send_later(self, make: Callable[[], FromWorker]) -> None:
        self.send(make())


class _Requests:
    """Follows the requests of a worker."""

    def __init__(self, requests: Sequence[ModelRequest]) -> None:
        self._requests = requests
        self._open = {number: request.images for number, request in enumerate(requests)}
        self._started: dict[int, float] = {}
        self.hits: dict[int, bool] = {}
        self.answers: dict[int, Answer] = {}

    def hear(self, message: FromWorker, now_s: float) -> None:
        match message:
            case messages.Started():
                self._started.setdefault(_number(message.image_id), now_s)
            case messages.Finished():
                self._finish(_number(message.image_id), now_s)

    def _finish(self, number: int, now_s: float) -> None:
        self._open[number] -= 1
        if not self._open[number]:
            at_s = self._requests[number].at_s
            self.answers[number] = Answer(self._started[number] - at_s, now_s - at_s, self.hits[number])


def play_darkroom(requests: Sequence[ModelRequest], device: Device) -> Played:
    """Plays the requests with Darkroom's worker."""
    clock = Clock()
    names = sorted({request.model for request in requests})
    infos = {name: replace(INFO, name=name) for name in names}
    table = CostTable(tuple(cost for name in names for cost in device.costs(name).costs))
    cost = CostModel(table, max_counts=_MAX_COUNTS)
    loads = _SimulatedLoads(device, lambda name: SimulatedPipeline(cost, clock.sleep, info=infos[name]), clock)
    transfers = Transfers(loads, loads, host_bytes=device.host_models, clock=clock)
    described = [DescribedModel(name, infos[name], size_bytes=1) for name in names]
    pool = ModelPool(described, transfers, device_bytes=device.models, clock=clock)
    pool.open(unreported)
    channel, following = _Channel(clock), _Requests(requests)
    config = WorkerConfig(model="simulated", max_rows=MAX_ROWS, max_decode=4)
    worker: Worker[Any, Any, Any] = Worker(pool, channel, config, costs=table, clock=clock)
    arrivals = deque(enumerate(requests))
    while len(following.answers) < len(requests):
        while arrivals and arrivals[0][1].at_s <= clock.now_s:
            number, request = arrivals.popleft()
            following.hits[number] = pool.is_resident(request.model)
            channel.inbox.extend(_submits(number, request, clock.now_s))
        channel.next_event_s = min(arrivals[0][1].at_s if arrivals else math.inf, loads.ready_s)
        worker.turn()
        for message in channel.sent:
            following.hear(message, clock.now_s)
        channel.sent.clear()
    answers = [following.answers[number] for number in range(len(requests))]
    return Played(answers, loads.loads, loads.loading_s, clock.now_s)


def play_first_come(requests: Sequence[ModelRequest], device: Device) -> Played:
    """Plays the requests in order of arrival, each in a batch of its own, with the least recently used model leaving
    first. The device waits for loads."""
    resident: OrderedDict[str, None] = OrderedDict()
    host: OrderedDict[str, None] = OrderedDict()
    answers, loads, loading_s, now_s = [], 0, 0.0, 0.0
    for request in requests:
        begin_s = now_s = max(now_s, request.at_s)
        if hit := request.model in resident:
            resident.move_to_end(request.model)
        else:
            now_s += device.host_load_s if host.pop(request.model, 0) is None else device.disk_load_s
            resident[request.model] = None
            if len(resident) > device.models:
                host[resident.popitem(last=False)[0]] = None
                now_s += device.host_load_s
            if len(host) > device.host_models:
                host.popitem(last=False)
            loads, loading_s = loads + 1, loading_s + now_s - begin_s
        started_s = now_s
        calls = -(-2 * request.images // MAX_ROWS)
        rows = min(2 * request.images, MAX_ROWS)
        now_s += request.steps * calls * (device.call_s + rows * device.row_s) + request.images * device.decode_s
        answers.append(Answer(started_s - request.at_s, now_s - request.at_s, hit))
    return Played(answers, loads, loading_s, now_s)


def _submits(number: int, request: ModelRequest, now_s: float) -> list[messages.Submit]:
    return [
        messages.Submit(
            f"{number}.{index}",
            GenerationParams(
                model=request.model,
                prompt=f"image {index} of request {number}",
                width=_SIZE[0],
                height=_SIZE[1],
                steps=request.steps,
                guidance_scale=7.0,
                seed=index,
                sampler=_SAMPLER,
            ),
            tenant=request.tenant,
            waited_s=now_s - request.at_s,
        )
        for index in range(request.images)
    ]


def _number(image_id: str) -> int:
    return int(image_id.partition(".")[0])
