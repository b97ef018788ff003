"""Simulated servers of other kinds: one at a time, static batching, first-come continuous batching."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, Protocol

from pipelines import work_plan
from pipelines.fake import INFO
from pipelines.interface import NextCall, WorkPlan
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel
from service.engine.types import Size


class Action(NamedTuple):
    """The next action of the device."""

    seconds: float
    finished: list[int]
    """Numbers of the requests whose images are finished at the end of the action."""


class Estimate(NamedTuple):
    """The remaining time that a caller was told, and the true one, in seconds."""

    reported_s: float
    true_s: float


class Server(Protocol):
    """A server that accepts requests, numbered from 0, and decides what its device does."""

    @property
    def estimates(self) -> Sequence[Estimate]:
        """The estimates of the images that are finished; empty for a server that gives none."""

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None: ...

    def next_action(self, now_s: float) -> Action | None:
        """Returns the device's next action; None where there is nothing to do."""


class OneAtATime:
    """A pipeline behind a lock: requests are processed one after another."""

    estimates: Sequence[Estimate] = ()

    def __init__(self, cost: CostModel) -> None:
        self._cost = cost
        self._queue: deque[tuple[int, GenerationParams]] = deque()

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        self._queue.append((number, params))

    def next_action(self, now_s: float) -> Action | None:
        if not self._queue:
            return None
        number, params = self._queue.popleft()
        return Action(self._cost.solo_s(plan(params)), [number])


class WholeRequests:
    """Static batching: waiting requests of one size share a pipeline call, up to the knee, and all end together.

    With `by_steps` they must also have the same number of steps; otherwise shorter ones wait for the longest.
    """

    estimates: Sequence[Estimate] = ()

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
        head = batch[0][1]
        seconds = _encode_s(self._cost, head) * len(batch)
        calls = max(_call(params).calls_left for _, params in batch)
        seconds += calls * self._cost.seconds(_call(head).cost, _rows(batch))
        return Action(seconds + _decode_s(self._cost, head, len(batch)), [number for number, _ in batch])

    def _form_batch(self) -> list[tuple[int, GenerationParams]]:
        head = self._queue[0][1]
        batch: list[tuple[int, GenerationParams]] = []
        for entry in self._queue:
            params = entry[1]
            compatible = _size(params) == _size(head) and (params.steps == head.steps or not self._by_steps)
            if compatible and _rows([*batch, entry]) <= self._cost.knee(_call(head).cost):
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

    estimates: Sequence[Estimate] = ()

    def __init__(self, cost: CostModel) -> None:
        self._cost = cost
        self._queue: deque[_Running] = deque()
        self._running: list[_Running] = []

    def accept(self, number: int, params: GenerationParams, now_s: float) -> None:
        self._queue.append(_Running(number, params, _call(params).calls_left))

    def next_action(self, now_s: float) -> Action | None:
        encode_s = self._join()
        if not self._running:
            return None
        head = self._running[0].params
        rows = sum(_call(running.params).rows for running in self._running)
        seconds = encode_s + self._cost.seconds(_call(head).cost, rows)
        for running in self._running:
            running.calls_left -= 1
        finished = [running.number for running in self._running if not running.calls_left]
        self._running = [running for running in self._running if running.calls_left]
        return Action(seconds + (_decode_s(self._cost, head, len(finished)) if finished else 0.0), finished)

    def _join(self) -> float:
        """Adds waiting requests to the batch. Returns the seconds for encoding their texts."""
        seconds = 0.0
        while self._queue and self._fits(self._queue[0].params):
            self._running.append(self._queue.popleft())
            seconds += _encode_s(self._cost, self._running[-1].params)
        return seconds

    def _fits(self, params: GenerationParams) -> bool:
        taken = sum(_call(running.params).rows for running in self._running)
        compatible = all(_size(running.params) == _size(params) for running in self._running)
        return compatible and (not taken or taken + _call(params).rows <= self._cost.knee(_call(params).cost))


@lru_cache(maxsize=1024)
def plan(params: GenerationParams) -> WorkPlan:
    """Returns the plan of an image on the simulated device."""
    return work_plan.plan(INFO, params)


def _encode_s(cost: CostModel, params: GenerationParams) -> float:
    text = plan(params).calls[0]
    return cost.seconds(text.cost, text.rows)


def _call(params: GenerationParams) -> NextCall:
    return plan(params).calls[1]


def _decode_s(cost: CostModel, params: GenerationParams, images: int) -> float:
    return cost.seconds(plan(params).calls[-1].cost, images)


def _rows(batch: Iterable[tuple[int, GenerationParams]]) -> int:
    return sum(_call(params).rows for _, params in batch)


def _size(params: GenerationParams) -> Size:
    return params.width, params.height
