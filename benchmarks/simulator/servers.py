"""Simulated servers: one at a time, static batching, first-come continuous batching, Darkroom's scheduler."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from pipelines import work_plan
from pipelines.fake import INFO
from pipelines.interface import NextCall
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel, calls, rows
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.types import Size

MAX_DECODE = 4


class Action(NamedTuple):
    """The next action of the device."""

    seconds: float
    finished: list[int]
    """Numbers of the requests whose images are finished at the end of the action."""


class Server(Protocol):
    """A server that accepts requests, numbered from 0, and decides what its device does."""

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None: ...

    def next_action(self, now_s: float) -> Action | None:
        """Returns the device's next action; None where there is nothing to do."""


class OneAtATime:
    """A pipeline behind a lock: requests are processed one after another."""

    def __init__(self, cost: CostModel) -> None:
        self._cost = cost
        self._queue: deque[tuple[int, GenerationParams]] = deque()

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        self._queue.append((number, params))

    def next_action(self, now_s: float) -> Action | None:
        if not self._queue:
            return None
        number, params = self._queue.popleft()
        return Action(self._cost.solo_s(params), [number])


class WholeRequests:
    """Static batching: waiting requests of one size share a pipeline call, up to the knee, and all end together.

    With `by_steps` they must also have the same number of steps; otherwise shorter ones wait for the longest.
    """

    def __init__(self, cost: CostModel, *, by_steps: bool) -> None:
        self._cost = cost
        self._by_steps = by_steps
        self._queue: list[tuple[int, GenerationParams]] = []

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        self._queue.append((number, params))

    def next_action(self, now_s: float) -> Action | None:
        if not self._queue:
            return None
        batch = self._form_batch()
        size = _size(batch[0][1])
        seconds = self._cost.encode_s(batch[0][1]) * len(batch)
        seconds += max(calls(params) for _, params in batch) * self._cost.call_s(size, _rows(batch))
        return Action(seconds + self._cost.decode_s(size, len(batch)), [number for number, _ in batch])

    def _form_batch(self) -> list[tuple[int, GenerationParams]]:
        head = self._queue[0][1]
        batch: list[tuple[int, GenerationParams]] = []
        for entry in self._queue:
            params = entry[1]
            compatible = _size(params) == _size(head) and (params.steps == head.steps or not self._by_steps)
            if compatible and _rows([*batch, entry]) <= self._cost.knee(_size(head)):
                batch.append(entry)
        self._queue = [entry for entry in self._queue if entry not in batch]
        return batch


@dataclass(slots=True)
class _Running:
    number: int
    params: GenerationParams
    calls_left: int


class FirstCome:
    """Continuous batching of steps in order of arrival.

    A request of the running size joins while there are free rows; one of another size waits until all running requests
    have ended. Finished images are decoded at once.
    """

    def __init__(self, cost: CostModel) -> None:
        self._cost = cost
        self._queue: deque[_Running] = deque()
        self._running: list[_Running] = []

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        self._queue.append(_Running(number, params, calls(params)))

    def next_action(self, now_s: float) -> Action | None:
        encode_s = self._join()
        if not self._running:
            return None
        size = _size(self._running[0].params)
        seconds = encode_s + self._cost.call_s(size, sum(rows(running.params) for running in self._running))
        for running in self._running:
            running.calls_left -= 1
        finished = [running.number for running in self._running if not running.calls_left]
        self._running = [running for running in self._running if running.calls_left]
        return Action(seconds + (self._cost.decode_s(size, len(finished)) if finished else 0.0), finished)

    def _join(self) -> float:
        """Adds waiting requests to the batch. Returns the seconds for encoding their texts."""
        seconds = 0.0
        while self._queue and self._fits(self._queue[0].params):
            self._running.append(self._queue.popleft())
            seconds += self._cost.encode_s(self._running[-1].params)
        return seconds

    def _fits(self, params: GenerationParams) -> bool:
        taken = sum(rows(running.params) for running in self._running)
        compatible = all(_size(running.params) == _size(params) for running in self._running)
        return compatible and (not taken or taken + rows(params) <= self._cost.knee(_size(params)))


@dataclass(slots=True)
class SimulatedState:
    """Implements `pipelines.interface.ImageState`."""

    params: GenerationParams
    next_call: NextCall | None
    step: int = 0

    def advance(self) -> None:
        assert self.next_call is not None, "a finished image cannot advance"
        self.step += 1
        left = self.next_call.calls_left - 1
        self.next_call = replace(self.next_call, calls_left=left) if left else None


@dataclass(slots=True)
class DarkroomServer:
    """Darkroom's scheduler, driven as the worker drives it."""

    cost: CostModel
    deadline_factor: float = 3.0
    max_begun: int = 64
    scheduler: Scheduler[SimulatedState] = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.cost, max_begun=self.max_begun, max_begun_bytes=1 << 40, max_decode=MAX_DECODE)

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        solo_s = self.cost.solo_s(params)
        virtual_deadline_s = now_s + self.deadline_factor * solo_s
        self.scheduler.add(
            ScheduledImage(
                id=str(number), params=params, arrived_s=now_s, virtual_deadline_s=virtual_deadline_s, solo_s=solo_s
            )
        )

    def next_action(self, now_s: float) -> Action | None:
        if not self.scheduler.waiting and not self.scheduler.begun:
            return None
        start_s = now_s
        self.scheduler.expire_and_demote(now_s)
        now_s += self._begin(now_s)
        now_s += self._call(now_s)
        decoded = self.scheduler.choose_decode()
        if decoded:
            seconds = self.cost.decode_s(decoded[0].size, len(decoded))
            self.scheduler.charge_decode(decoded, seconds)
            now_s += seconds
        for image in decoded:
            self.scheduler.remove(image)
        return Action(now_s - start_s, [int(image.id) for image in decoded])

    def _begin(self, now_s: float) -> float:
        beginning = self.scheduler.choose_begin(now_s)
        for image in beginning:
            params = image.params
            image.state = SimulatedState(params, work_plan.denoise_call(INFO, params, calls(params)))
            self.scheduler.begin(image)
        return sum(self.cost.encode_s(image.params) for image in beginning)

    def _call(self, now_s: float) -> float:
        batch = self.scheduler.choose_call(now_s)
        if not batch:
            return 0.0
        tenant_rows = [(image.tenant, image.rows) for image in batch]
        seconds = self.cost.call_s(batch[0].size, sum(count for _, count in tenant_rows))
        for image in batch:
            image.begun_state.advance()
            if image.finished:
                self.scheduler.finish(image)
        self.scheduler.charge_call(tenant_rows, seconds)
        return seconds


def _size(params: GenerationParams) -> Size:
    return params.width, params.height


def _rows(batch: Iterable[tuple[int, GenerationParams]]) -> int:
    return sum(rows(params) for _, params in batch)
