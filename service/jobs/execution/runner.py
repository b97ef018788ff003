"""Claims jobs from the queue, has the executor make them, extends their leases, and records how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from service.engine.interface import ADMITTING, Engine, Phase
from service.errors import CanceledError, StoreUnavailableError
from service.jobs.background import log_and_continue
from service.jobs.execution.executor import JobExecutor, Outcome
from service.jobs.execution.owner_lock import OwnerLock
from service.jobs.execution.running_job import RunningJob
from service.jobs.records import Claim, LiveState
from service.jobs.store.access.clock import StoreClock
from service.jobs.store.claims import JobClaims, LostError
from service.jobs.store.image_files import ImageFiles
from service.jobs.tenants.accounts import EndedJob
from service.jobs.watching.subscriptions import JobNotifier
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces

LAST_WRITES_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerConfig:
    owner: str
    """Unique name of this process among those that share the store."""
    heartbeat_s: float = 1.0
    """Seconds between two heartbeats, which extend the leases and record progress."""
    poll_s: float = 1.0
    """Seconds between two searches for jobs that other processes accepted or lost."""
    told_poll_s: float = 5.0
    """Seconds between two searches while other processes announce waiting jobs, so that only lost ones are sought."""
    last_writes_s: float = LAST_WRITES_S
    """Seconds in which the outcomes of the last jobs must be recorded once the engine has stopped."""
    max_images: int = 32
    """Claiming stops once the claimed jobs have this many unfinished images: enough for the engine's scheduler to
    choose from. It bounds the durable work in the engine, which takes no room in its queue."""


_random_share = random.SystemRandom().random
"""Returns a number from 0 to 1."""


class Runner:
    """Runs the jobs that this process claims. All methods belong to one event loop."""

    def __init__(
        self,
        claims: JobClaims,
        executor: JobExecutor,
        files: ImageFiles,
        engine: Engine,
        notifier: JobNotifier,
        metrics: Metrics,
        lock: OwnerLock,
        config: RunnerConfig,
        *,
        clock: StoreClock,
        on_end: Callable[[EndedJob], object] = lambda job: None,
        traces: Traces = NO_TRACES,
    ) -> None:
        """`on_end` is called with each job that ends here."""
        self._claims = claims
        self._executor = executor
        self._files = files
        self._engine = engine
        self._notifier = notifier
        self._metrics = metrics
        self._lock = lock
        self._config = config
        self._clock = clock
        self._on_end = on_end
        self._traces = traces
        self._running: dict[str, RunningJob] = {}
        self._woken = asyncio.Event()
        self._stopping = False
        self._gave_up = False
        """Whether this process has left a job unrecorded."""
        self._released_a_job = False
        """Whether a job went back into the queue since claiming began. Its obstacle may persist, so claiming stops."""
        self._loops: list[asyncio.Task[None]] = []
        self._claiming: asyncio.Task[None] | None = None

    def live(self, job_id: str) -> tuple[int, LiveState] | None:
        """Returns the attempt and the live state of a job that this process runs, or None.

        Images and the end of a job are recorded before they count here, so a record that is read after this call
        contains them.
        """
        running = self._running.get(job_id)
        return None if running is None or running.lost else (running.claim.attempt, running.live)

    def unfinished(self) -> dict[str, str]:
        """Returns the ids of the jobs that this process makes, with their tenants."""
        return {job_id: each.claim.tenant for job_id, each in self._running.items() if each.missing and not each.lost}

    def start(self) -> None:
        self._lock.hold()
        self._claiming = asyncio.create_task(self._claim_loop())
        loops = (self._heartbeat_loop(), self._search_for_dead_servers(), self._give_back_unbegun())
        self._loops = [asyncio.create_task(loop) for loop in loops]

    def wake(self) -> None:
        """Makes the runner look for jobs now."""
        self._woken.set()

    def drop(self, job_id: str) -> bool:
        """Stops making a job that was canceled, deleted or taken over. Returns whether this process made it."""
        running = self._running.get(job_id)
        if running is not None:
            running.lose()
        return running is not None

    async def stop(self) -> None:
        """Stops claiming and waits until every running job has ended or, once the engine has stopped, is released.

        Outcomes that cannot be recorded in time are left to the process that finds that this one has ended.
        """
        self._stopping = True
        self._woken.set()
        if self._claiming is None:
            return
        await self._claiming  # It may be about to start another job.
        unrecorded = await self._last_jobs()
        for task in [*unrecorded, *self._loops]:
            task.cancel()
        await asyncio.wait([*unrecorded, *self._loops])
        self._lock.release(keeps_file=self._gave_up or bool(unrecorded))

    async def _last_jobs(self) -> set[asyncio.Task[None]]:
        """Waits for the running jobs. Returns those that are not recorded although the engine has stopped."""
        while tasks := {running.task for running in self._running.values() if running.task is not None}:
            engine_stopped = self._engine.phase is Phase.STOPPED
            _, pending = await asyncio.wait(tasks, timeout=self._config.last_writes_s)
            if engine_stopped and pending:
                return pending
        return set()

    async def _claim_loop(self) -> None:
        while not self._stopping:
            self._woken.clear()
            with log_and_continue("claiming jobs"):
                if self._may_claim:
                    await self._require_store()
                    await self._claim()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._woken.wait()

    def _pause_s(self) -> float:
        """Returns the seconds until the next search. A store that is unavailable is tried again soon."""
        is_told = self._notifier.hears_others and self._claims.available and self._files.available
        return max(self._config.poll_s, self._config.told_poll_s) if is_told else self._config.poll_s

    @property
    def _may_claim(self) -> bool:
        return not self._stopping and self._engine.phase in ADMITTING

    async def _require_store(self) -> None:
        """Raises `StoreUnavailableError` where results could not be stored. Tries a write after a failure."""
        if not self._files.available:
            await self._files.probe()
        if not self._claims.available:
            await self._claims.probe(self._clock.now())

    async def _claim(self) -> None:
        """Claims and starts jobs while there is room."""
        self._released_a_job = False
        while self._may_claim and not self._released_a_job and (room := self._room()) > 0:
            claimed = await self._claims.claim(
                self._config.owner,
                now=self._clock.now(),
                lease_now=self._clock.lease_now(),
                limit=room,
                images=room,
                alone=not self._running,
                held=self._running,
            )
            for claim in claimed:
                self._start(claim)
            if not claimed:
                return

    async def _search_for_dead_servers(self) -> None:
        """Puts back the jobs of servers that have died on this machine, whatever the engine does."""
        self._lock.forget(())
        while True:
            with log_and_continue("searching for dead servers"):
                if dead := self._lock.dead_owners():
                    had_jobs = await self._claims.put_dead_back(dead, self._config.owner, now=self._clock.now())
                    self._lock.forget(set(dead) - set(had_jobs))
                    self.wake()
                    self._notifier.announce_waiting()
            await asyncio.sleep(self._config.poll_s)

    async def _give_back_unbegun(self) -> None:
        """Once the engine drains, gives back the jobs that have no begun image."""
        await self._engine.wait_for_phase(Phase.DRAINING, Phase.STOPPED)
        for running in self._running.values():
            if not running.begun:
                running.give_back()

    def _room(self) -> int:
        """Returns the number of images that may be claimed. Beside a suspect there is no room for any."""
        if any(running.claim.suspect for running in self._running.values()):
            return 0
        return self._config.max_images - self._unfinished_images()

    def _start(self, claim: Claim) -> None:
        running = self._running[claim.job_id] = RunningJob.traced(claim, self._traces)
        running.task = asyncio.create_task(self._run(running))
        self._notifier.notify(claim.job_id, record_changed=True)

    def _unfinished_images(self) -> int:
        return sum(len(running.missing) for running in self._running.values())

    async def _heartbeat_loop(self) -> None:
        """Extends the leases. The first heartbeat comes at a random time, so that heartbeats and claims drift apart:
        otherwise a job that kills the process soon after it was begun would never be recorded as begun.
        """
        pause_s = self._config.heartbeat_s * _random_share()
        while True:
            await asyncio.sleep(pause_s)
            pause_s = self._config.heartbeat_s
            held = {running.claim: running.live for running in self._running.values() if not running.lost}
            if not held:
                continue
            with log_and_continue("extending leases"):
                lost = await self._claims.heartbeat(held, now=self._clock.lease_now())
                for claim in held.keys() - lost:
                    self._notifier.announce_progress(claim.job_id)
                for claim in lost:
                    running = self._running.get(claim.job_id)
                    if running is not None and running.claim == claim:  # Otherwise it has been claimed again.
                        self.drop(claim.job_id)

    async def _run(self, running: RunningJob) -> None:
        claim = running.claim
        structlog.contextvars.bind_contextvars(**running.log_ids)
        try:
            outcome = await self._executor.execute(running)
            if outcome is None:
                self._released_a_job = True
                await self._persist(lambda: self._claims.release(claim))
                self._notifier.announce_waiting()
            else:
                await self._finish(running, outcome)
                self._on_end(running.end())
                self.wake()
        except LostError:
            self._on_end(running.end())
            self._metrics.job_ended("canceled", CanceledError.code)
            running.span.ended("canceled")
            await self._persist(lambda: self._delete_late_files(claim))
        finally:
            if self._running.get(claim.job_id) is running:  # Otherwise it was released and claimed again meanwhile.
                del self._running[claim.job_id]
            self._notifier.notify(claim.job_id, record_changed=True)

    async def _finish(self, running: RunningJob, outcome: Outcome) -> None:
        """Records the outcome, waiting for the store for as long as it takes: the job's work is done."""
        version, failure = running.live.version + 1, outcome.failure
        if not outcome.recorded:
            await self._persist(
                lambda: self._claims.finish(
                    running.claim, outcome.status, version=version, now=self._clock.now(), failure=failure
                )
            )
        self._metrics.job_ended(outcome.status, outcome.code)
        running.span.ended(outcome.status, outcome.code)

    async def _delete_late_files(self, claim: Claim) -> None:
        """Deletes the files of a job that was deleted while an image of it was being stored."""
        if not await self._claims.exists(claim.job_id):
            await self._files.delete(claim.job_id)

    async def _persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Repeats a write until the store accepts it.

        Gives up when the server stops. The job's lease then expires, and another process takes the job over.
        """
        while True:
            try:
                await write()
            except StoreUnavailableError:
                if self._stopping:
                    self._gave_up = True
                    return
                await asyncio.sleep(self._config.poll_s)
            else:
                return
