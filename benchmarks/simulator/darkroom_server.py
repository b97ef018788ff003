"""Darkroom's own worker in virtual time, with a pipeline whose calls take simulated time and a channel in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.simulator.servers import Action, Estimate
from pipelines.fake import INFO, FakePipeline, FakeState
from pipelines.interface import CostKey, RgbImage, Stage, TextKey
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.costs.cost_table import CostTable
from service.engine.messages import FromWorker, ToWorker
from service.engine.types import Priority
from service.engine.worker.loop import Worker
from service.engine.worker.models.opening import single_model


class SimulatedPipeline(FakePipeline):
    """A fake pipeline whose calls take as long as the cost model says."""

    def __init__(self, cost: CostModel, sleep: Callable[[float], None], info: ModelInfo = INFO) -> None:
        super().__init__(sleep=sleep, info=info)
        self._cost = cost
        self._pass_time = sleep

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self._pass_time(self._cost.seconds(CostKey(Stage.TEXT, model=self.info.name), len(texts)))
        return super().encode(texts)

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        calls = [state.next_call for state in states if state.next_call is not None]
        self._pass_time(self._cost.seconds(calls[0].cost, sum(call.rows for call in calls)))
        return super().predict(states)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        *_, decode = self.plan(states[0].params).calls
        self._pass_time(self._cost.seconds(decode.cost, len(states)))
        return super().decode(states)


class _Channel:
    """A worker's channel in memory."""

    congested = False
    unsent_images = 0

    def __init__(self) -> None:
        self.inbox: list[ToWorker] = []
        self.sent: list[FromWorker] = []

    def receive(self, timeout_s: float) -> list[ToWorker]:
        messages, self.inbox = self.inbox, []
        return messages

    def send(self, message: FromWorker) -> None:
        self.sent.append(message)

    def send_later(self, make: Callable[[], FromWorker]) -> None:
        self.send(make())


class DarkroomServer:
    """Darkroom's worker with the costs of the simulated device."""

    def __init__(
        self,
        cost: CostModel,
        *,
        table: CostTable,
        max_rows: int,
        max_decode: int,
        priority: Priority = Priority.INTERACTIVE,
    ) -> None:
        """`cost` holds the device's true costs, `table` those that the worker starts with."""
        self._now_s = 0.0
        self._channel = _Channel()
        self._priority = priority
        self._worker: Worker[bytes, FakeState, bytes] = Worker(
            single_model(SimulatedPipeline(cost, self._sleep)),
            self._channel,
            WorkerConfig(model="simulated", max_rows=max_rows, max_decode=max_decode),
            costs=table,
            clock=lambda: self._now_s,
        )
        self._arrivals: list[tuple[float, messages.Submit]] = []
        self._open = 0
        self._reported: dict[str, list[tuple[float, float]]] = {}
        self.estimates: list[Estimate] = []
        self.failed: list[int] = []
        """Numbers of the requests that were given up."""

    def accept(
        self,
        number: int,
        params: GenerationParams,
        now_s: float,
        *,
        tenant: str = "",
        priority: Priority | None = None,
        deadline_s: float | None = None,
    ) -> None:
        self._open += 1
        submit = messages.Submit(str(number), params, priority or self._priority, tenant, deadline_s=deadline_s)
        self._arrivals.append((now_s, submit))

    def next_action(self, now_s: float) -> Action | None:
        if not self._open:
            return None
        self._now_s = now_s
        for at_s, submit in self._arrivals:
            self._channel.inbox.append(msgspec.structs.replace(submit, waited_s=now_s - at_s))
        self._arrivals.clear()
        self._worker.turn()
        return Action(self._now_s - now_s, self._read())

    def _sleep(self, seconds: float) -> None:
        self._now_s += seconds

    def _read(self) -> list[int]:
        """Takes in what the worker sent. Returns the numbers of the images that are finished."""
        finished: list[int] = []
        for message in self._channel.sent:
            match message:
                case messages.Progress():
                    self._reported.setdefault(message.image_id, []).append((self._now_s, message.eta_s))
                case messages.Finished():
                    finished.append(int(message.image_id))
                    self._judge(message.image_id)
                case messages.Failed():
                    self.failed.append(int(message.image_id))
                    self._open -= 1
        self._open -= len(finished)
        self._channel.sent.clear()
        return finished

    def _judge(self, image_id: str) -> None:
        for at_s, reported_s in self._reported.pop(image_id, []):
            if not math.isclose(at_s, self._now_s):
                self.estimates.append(Estimate(reported_s, self._now_s - at_s))
