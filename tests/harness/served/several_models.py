"""A worker with two fake models, whose loads end when a test says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from pipelines.fake import FakePipeline
from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.messages import FromWorker
from service.engine.types import ModelStatus
from service.engine.worker.loop import Worker
from tests.harness.engine import uploads
from tests.harness.engine.worker_harness import CALL_S, Clock, MemoryChannel, flat_costs, make_params
from tests.harness.served.model_store import GB, PoolHarness

NO_FIELDS: Final[Mapping[str, Any]] = MappingProxyType({})


class SeveralModels:
    """A worker with the models `a` and `b`, of which `a` is open."""

    def __init__(self, *, models: int = 1, pipeline_class: type[FakePipeline] = FakePipeline, **options: Any) -> None:
        self.clock = Clock()
        self.channel = MemoryChannel(self.clock)
        self.pool = PoolHarness(
            {"a": GB, "b": GB},
            device_bytes=models * GB,
            make=lambda info: pipeline_class(call_s=CALL_S, sleep=self.clock.advance, info=info),
            clock=self.clock,
            **options,
        )
        self.pool.pool.open(lambda *_, **__: None)
        config = WorkerConfig(model="a", max_rows=16)
        self.worker: Worker[Any, Any, Any] = Worker(
            self.pool.pool, self.channel, config, costs=flat_costs(16), clock=self.clock
        )

    def submit(
        self, image_id: str, model: str, *, steps: int = 4, fields: Mapping[str, Any] = NO_FIELDS, **options: Any
    ) -> None:
        """Submits an image with these fields of its parameters, after the uploads that it starts from."""
        params = replace(make_params(steps=steps), model=model, **fields)
        for key, each in zip(params.pixels, uploads.inputs_of(params) if params.pixels else (), strict=True):
            size = each.width, each.height
            self.channel.inbox.append(messages.Input(key.digest, *size, each.channels, each.pixels))
        self.channel.inbox.append(messages.Submit(image_id, params, **options))

    def turn(self, times: int = 1) -> None:
        for _ in range(times):
            self.worker.turn()

    def sent(self, kind: type[FromWorker]) -> list[Any]:
        return [message for message in self.channel.sent if isinstance(message, kind)]

    @property
    def finished(self) -> list[str]:
        return [message.image_id for message in self.sent(messages.Finished)]

    def statuses(self, model: str) -> list[ModelStatus]:
        return [state.status for state in self.sent(messages.ModelState) if state.name == model]
