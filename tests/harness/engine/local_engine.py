"""A `LocalEngine` with a fake worker process, for the duration of a test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.messages import FromWorker, Message, Ready

TIMEOUT_S = 240.0
"""Upper bound on what a test awaits, far longer than it takes on a busy machine."""


class Observed:
    """Records the messages of an engine's workers, in order."""

    def __init__(self) -> None:
        self.messages: list[FromWorker] = []
        self.workers: list[int] = []
        """The index of the worker that sent each message."""
        self._changed = asyncio.Event()

    def of_worker(self, index: int) -> list[FromWorker]:
        """Returns the messages of one worker."""
        return [message for message, worker in zip(self.messages, self.workers, strict=True) if worker == index]

    def __call__(self, message: FromWorker, worker: int) -> None:
        self.messages.append(message)
        self.workers.append(worker)
        self._changed.set()

    async def until(self, holds: Callable[[list[FromWorker]], bool]) -> None:
        """Waits until the condition holds for the recorded messages."""
        async with asyncio.timeout(TIMEOUT_S):
            while not holds(self.messages):
                self._changed.clear()
                await self._changed.wait()

    async def count(self, kind: type[Message], times: int = 1) -> None:
        """Waits until at least `times` messages of this kind have arrived in total."""
        await self.until(lambda messages: sum(isinstance(message, kind) for message in messages) >= times)


def make_engine(
    *arguments: str, max_rows: int = 16, warm_up_s: float = 20.0, **config: Any
) -> tuple[LocalEngine, Observed]:
    """`arguments` are options of `tests.harness.engine.fake_worker`, `config` holds fields of `EngineConfig`."""
    observed = Observed()
    engine = LocalEngine(
        EngineConfig(
            **{
                "worker": WorkerConfig(model="fake", max_rows=max_rows, warm_up_s=warm_up_s),
                "restart_delay_s": 0.01,
                **config,
            },
        ),
        command=[sys.executable, "-m", "tests.harness.engine.fake_worker", *arguments],
        observe=observed,
    )
    return engine, observed


@asynccontextmanager
async def serving(*arguments: str, **options: Any) -> AsyncIterator[tuple[LocalEngine, Observed]]:
    """Starts an engine, waits until every worker serves, and stops it at the end. Takes the arguments of
    `make_engine`."""
    engine, observed = make_engine(*arguments, **options)
    await engine.start()
    try:
        await observed.count(Ready, len(options.get("devices", ("cpu",))))
        yield engine, observed
    finally:
        await engine.stop()
