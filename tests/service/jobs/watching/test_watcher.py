"""The watcher asks once for all followed jobs, and notifies only those whose record or place has changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import pytest

from service.errors import StoreUnavailableError
from service.jobs.records import JobProgress, JobRecord, JobVersion, Status
from service.jobs.watching.subscriptions import JobNotifier, Subscriber
from service.jobs.watching.watcher import Watcher
from tests.harness.served.recorded_channel import RecordedChannel
from tests.service.api.records import make_record


class World:
    """A store with jobs, their places in the queue, and a watcher of them."""

    def __init__(self) -> None:
        self.channel = RecordedChannel()
        self.notifier = JobNotifier(self.channel)
        self.versions: dict[str, JobVersion] = {}
        self.positions: dict[str, int] = {}
        self.run_here: set[str] = set()
        self.asked: list[Sequence[str]] = []
        self.fault: Exception | None = None
        self.watcher = Watcher(self.notifier, self._read, self.positions.get, self.run_here.__contains__)

    async def _read(self, job_ids: Sequence[str]) -> dict[str, JobVersion]:
        self.asked.append(sorted(job_ids))
        if self.fault is not None:
            raise self.fault
        return {job_id: self.versions[job_id] for job_id in job_ids if job_id in self.versions}

    async def follow(self, stack: contextlib.ExitStack, job_id: str, status: Status = Status.RUNNING) -> Subscriber:
        """Subscribes to a job from its state in the store."""
        record = make_record(id=job_id, status=status, attempt=1, version=3)
        self.versions[job_id] = JobVersion.of(record)
        subscriber = stack.enter_context(self.notifier.subscribe(job_id))

        async def load() -> JobRecord:
            return record

        await subscriber.read_first(load)
        return subscriber


async def heard(subscriber: Subscriber) -> bool | None:
    """Returns whether the record must be read again, or None where no notification waits."""
    waiting = asyncio.create_task(subscriber.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    done = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return waiting.result() if done else None


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


async def test_one_query_serves_all_and_only_what_has_changed_is_notified(
    world: World, stack: contextlib.ExitStack
) -> None:
    followers = {job_id: await world.follow(stack, job_id) for job_id in ("a", "b", "c")}
    await world.follow(stack, "a")
    world.versions["b"] = world.versions["b"]._replace(version=4)

    await world.watcher.tick()

    assert world.asked == [["a", "b", "c"]]
    assert [await heard(follower) for follower in followers.values()] == [None, True, None]


@pytest.mark.parametrize(
    "changed",
    [
        JobVersion(Status.SUCCEEDED, 1, 3, None),
        JobVersion(Status.RUNNING, 2, 3, None),
        JobVersion(Status.RUNNING, 1, 3, JobProgress(0, 4, loading_s=3.0)),
    ],
    ids=["status", "attempt", "progress of the same version"],
)
async def test_whatever_changes_in_a_record_is_noticed(
    world: World, stack: contextlib.ExitStack, changed: JobVersion
) -> None:
    follower = await world.follow(stack, "a")
    world.versions["a"] = changed

    await world.watcher.tick()

    assert await heard(follower) is True


async def test_a_deleted_job_counts_as_changed(world: World, stack: contextlib.ExitStack) -> None:
    follower = await world.follow(stack, "a")
    del world.versions["a"]

    await world.watcher.tick()

    assert await heard(follower) is True


async def test_jobs_that_run_here_or_have_ended_are_not_asked_for(world: World, stack: contextlib.ExitStack) -> None:
    await world.follow(stack, "here")
    await world.follow(stack, "ended", Status.SUCCEEDED)
    world.run_here.add("here")

    await world.watcher.tick()

    assert world.asked == []


async def test_a_waiting_job_that_moves_up_is_notified_without_a_change_of_its_record(
    world: World, stack: contextlib.ExitStack
) -> None:
    follower = await world.follow(stack, "a", Status.QUEUED)
    told = []
    for world.positions["a"] in (2, 2, 1):
        await world.watcher.tick()
        told.append(await heard(follower))

    assert told == [False, None, False]


async def test_places_are_told_while_the_store_is_out(world: World, stack: contextlib.ExitStack) -> None:
    follower = await world.follow(stack, "a", Status.QUEUED)
    world.positions["a"], world.fault = 2, StoreUnavailableError("The job store cannot be reached.")

    with pytest.raises(StoreUnavailableError):
        await world.watcher.tick()

    assert await heard(follower) is False


async def test_where_other_processes_tell_what_they_change_the_store_is_asked_more_rarely(
    world: World, stack: contextlib.ExitStack
) -> None:
    await world.follow(stack, "a")
    world.channel.listening = True
    for _ in range(10):
        await world.watcher.tick()
    told = len(world.asked)
    world.channel.listening = False
    for _ in range(10):
        await world.watcher.tick()

    assert 0 < told < 10
    assert len(world.asked) - told == 10
