"""Keeps one worker alive: starts it, reads its messages, kills it when it is stuck, and starts the next one.

Runs in the server's process. Knows no jobs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.watchdog import TICK_S, Watchdog
from service.engine.frontend.worker_process import WorkerProcess
from service.engine.interface import ADMITTING, Phase
from service.engine.messages import Drain, Finished, FromWorker, Ready, ToWorker, Unloadable

IDLE_EXIT_S: Final = 3.0
"""Seconds in which an idle worker must exit after it was told to drain."""

Spawn: TypeAlias = Callable[[Sequence[str], WorkerConfig], Awaitable[WorkerProcess]]

_log = logging.getLogger(__name__)


class Backoff:
    """Computes pauses between attempts: each is twice as long as the one before, up to a maximum."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Returns the pause before the next attempt."""
        pause_s = min(self._next_s, self._max_s)
        self._next_s = 2 * pause_s
        return pause_s

    def reset(self) -> None:
        """Starts again with the shortest pause, after a success."""
        self._next_s = self._first_s


class Supervisor:
    """Runs one worker after another until it is stopped or no worker can be started."""

    def __init__(
        self,
        config: EngineConfig,
        command: Sequence[str],
        *,
        on_message: Callable[[FromWorker], object],
        on_crash: Callable[[frozenset[str]], object],
        on_failure: Callable[[], object],
        on_phase: Callable[[], object],
        spawn: Spawn = WorkerProcess.spawn,
    ) -> None:
        """Calls `on_crash` when a worker has ended and another one follows, with the ids of the images whose calls were
        under way; `on_failure` when none follows; and `on_phase` whenever the phase changes."""
        self._config = config
        self._command = command
        self._on_message = on_message
        self._on_crash = on_crash
        self._on_failure = on_failure
        self._on_phase = on_phase
        self._spawn = spawn
        self._phase = Phase.LOADING
        self._failure: str | None = None
        self._process: WorkerProcess | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._backoff = Backoff(config.restart_delay_s, config.max_restart_delay_s)
        self._failed_loads = 0
        """Consecutive workers that ended before they were ready."""

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def failure(self) -> str | None:
        """The reason why no worker can be started; None while one can."""
        return self._failure

    def start(self) -> None:
        assert self._task is None, "a supervisor starts once"
        self._task = asyncio.create_task(self._run(), name="engine-supervisor")

    def send(self, message: ToWorker) -> None:
        """Sends to the current worker. The message is dropped where none is running."""
        if self._process is not None:
            self._process.send(message)

    async def stop(self, *, drain: bool) -> None:
        """Ends the worker. With `drain` an idle worker may exit by itself; otherwise it is killed. `failure` is set if
        the worker cannot be ended."""
        self._stopping = True
        if self._task is not None:
            if drain and self._phase in ADMITTING:
                self.send(Drain())
                await asyncio.wait({self._task}, timeout=IDLE_EXIT_S)
            if not self._task.cancelling():  # A second stop must not interrupt the first one as it ends the worker.
                self._task.cancel()
            await asyncio.wait({self._task})
        self._enter(Phase.STOPPED)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._on_phase()

    async def _run(self) -> None:
        try:
            while self._failure is None and not self._stopping:
                await self._run_worker()
        except Exception:  # noqa: BLE001 - a supervisor that ended silently would leave every caller waiting
            _log.exception("the engine's supervisor failed")
            self._failure = "The engine failed unexpectedly. Its log has the error."
        if self._failure is not None:
            self._enter(Phase.FAILED)
            self._on_failure()

    async def _run_worker(self) -> None:
        """Runs one worker from its start to its end, and waits before the next."""
        try:
            process = await self._spawn(self._command, self._config.worker)
        except OSError as error:
            self._failure = f"The worker cannot be started: {error.strerror}."
            return
        self._process = process
        disconnected = loaded = False
        try:
            await self._listen(process)
            disconnected = True
        finally:
            self._process = None
            if self._phase in ADMITTING:
                loaded = True
                self._enter(Phase.RESTARTING)
            status = await self._end(process, disconnected=disconnected)
        if status is not None and self._failure is None and not self._stopping:
            _log.error("worker %d ended with status %d", process.pid, status)
            await self._recover(loaded, status, process.called_images)

    async def _end(self, process: WorkerProcess, *, disconnected: bool) -> int | None:
        """Ends the worker's process. Returns its exit status.

        Returns None and fails where the process cannot be ended: it may still hold the device, which a second worker
        must not use at the same time.
        """
        timeout_s = self._config.kill_timeout_s
        try:
            status = await (process.end(timeout_s) if disconnected else process.kill(timeout_s))
        except asyncio.CancelledError:  # A stop kills the worker instead of waiting for it to exit.
            await process.kill(timeout_s)
            raise
        if status is None:
            self._failure = (
                f"Worker {process.pid} is still there {timeout_s:g} s after it was killed, and may hold the device. "
                "Its driver or the machine may need a restart."
            )
            _log.error("%s", self._failure)
        return status

    async def _listen(self, process: WorkerProcess) -> None:
        """Reads the worker's messages until it is gone."""
        watchdog = Watchdog(self._config)
        watch = asyncio.create_task(self._watch(process, watchdog), name="engine-watchdog")
        try:
            while (message := await process.receive()) is not None:
                watchdog.heard(message)
                self._receive(message)
        finally:
            watch.cancel()

    def _receive(self, message: FromWorker) -> None:
        match message:
            case Ready():
                self._enter(Phase.SERVING)
            case Unloadable():
                self._failure = message.message
            case Finished():
                self._backoff.reset()
        if self._phase is Phase.STALLED:
            self._enter(Phase.SERVING)
        self._on_message(message)

    async def _watch(self, process: WorkerProcess, watchdog: Watchdog) -> None:
        """Marks a silent worker as stalled, and ends it when it is stuck."""
        clock = asyncio.get_running_loop().time
        while not watchdog.stuck:
            before_s = clock()
            await asyncio.sleep(TICK_S)
            watchdog.tick(clock() - before_s)
            if watchdog.late and self._phase is Phase.SERVING:
                _log.warning("worker %d is silent", process.pid)
                self._enter(Phase.STALLED)
        _log.error("worker %d is stuck and is killed", process.pid)
        await process.abort()

    async def _recover(self, loaded: bool, status: int, called: frozenset[str]) -> None:
        """Waits before the next worker, or gives up where too many have failed to load."""
        self._failed_loads = 0 if loaded else self._failed_loads + 1
        if self._failed_loads == self._config.max_failed_loads:
            self._failure = (
                f"The worker ended {self._failed_loads} times before the model was loaded, with status {status}."
            )
            return
        self._on_crash(called)
        await asyncio.sleep(self._backoff.next_s())
