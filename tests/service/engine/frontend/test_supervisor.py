"""The life of worker processes: the phases that a supervisor goes through when they start, crash and stop."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.supervisor import Backoff, Spawn, Supervisor
from service.engine.frontend.worker_process import WorkerProcess
from service.engine.interface import Phase
from service.engine.messages import Cancel, FromWorker, Ready
from tests.harness.engine.local_engine import TIMEOUT_S

FAKE_WORKER = (sys.executable, "-m", "tests.harness.engine.fake_worker")
CRASHING_WORKER = (sys.executable, "-S", "-c", "raise SystemExit(5)")


class SupervisorHarness:
    """A supervisor that records its callbacks in order."""

    def __init__(self, command: Sequence[str], *, spawn: Spawn = WorkerProcess.spawn, **config: Any) -> None:
        self.log: list[str] = []
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(
            EngineConfig(worker=WorkerConfig(model="fake"), **{"restart_delay_s": 0.01, **config}),
            command,
            on_message=self._receive,
            on_crash=lambda _: self._note("crash"),
            on_failure=lambda: self._note("failure"),
            on_phase=lambda: self._note(self.supervisor.phase),
            spawn=spawn,
        )

    async def until(self, entry: str) -> None:
        """Waits until the log has this entry."""
        async with asyncio.timeout(TIMEOUT_S):
            while entry not in self.log:
                self._changed.clear()
                await self._changed.wait()

    def _receive(self, message: FromWorker) -> None:
        if isinstance(message, Ready):
            self._note("ready")

    def _note(self, entry: str) -> None:
        self.log.append(entry)
        self._changed.set()


async def test_a_worker_serves_until_it_is_stopped() -> None:
    harness = SupervisorHarness(FAKE_WORKER)
    assert harness.supervisor.phase is Phase.LOADING
    harness.supervisor.start()
    await harness.until("ready")
    await harness.supervisor.stop(drain=True)

    assert harness.log[:2] == [Phase.SERVING, "ready"]
    assert harness.log[-1] is Phase.STOPPED
    assert "crash" not in harness.log


async def test_workers_that_crash_while_they_load_are_replaced_until_the_supervisor_fails() -> None:
    harness = SupervisorHarness(CRASHING_WORKER, max_failed_loads=2)
    harness.supervisor.start()
    await harness.until("failure")
    await harness.supervisor.stop(drain=False)

    assert harness.log == ["crash", Phase.FAILED, "failure", Phase.STOPPED]
    assert harness.supervisor.failure == "The worker ended 2 times before the model was loaded, with status 5."


async def test_a_model_that_cannot_be_loaded_is_not_tried_again() -> None:
    harness = SupervisorHarness([*FAKE_WORKER, "--unloadable", "no such folder"])
    harness.supervisor.start()
    await harness.until("failure")
    await harness.supervisor.stop(drain=False)

    assert harness.log == [Phase.FAILED, "failure", Phase.STOPPED]
    assert harness.supervisor.failure == "no such folder"


async def test_a_message_is_dropped_and_a_stop_returns_where_no_worker_is_running() -> None:
    harness = SupervisorHarness(FAKE_WORKER)
    harness.supervisor.send(Cancel("a"))
    await harness.supervisor.stop(drain=True)

    assert harness.log == [Phase.STOPPED]


def test_pauses_double_up_to_their_maximum_and_begin_again_after_a_success() -> None:
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next_s() for _ in range(4)] == [0.5, 1.0, 2.0, 3.0]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_a_pause_stays_a_number_however_many_workers_have_crashed() -> None:
    backoff = Backoff(0.5, 30.0)

    assert {backoff.next_s() for _ in range(3000)} == {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0}
