"""Subscribers are notified of their own job, notifications coalesce, and a job's subscribers share what they read."""

from __future__ import annotations

import asyncio

import pytest

from service.jobs.records import JobRecord, Status
from service.jobs.watching.subscriptions import JobNotifier, Subscriber
from tests.harness.served.recorded_channel import RecordedChannel
from tests.service.api.records import make_record


async def is_notified(subscriber: Subscriber) -> bool:
    """Returns whether a notification is waiting, and consumes it."""
    waiting = asyncio.create_task(subscriber.wait())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    notified = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return notified


async def test_a_subscriber_is_notified_of_its_own_job_only() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber, notifier.subscribe("b") as other:
        notifier.notify("a", record_changed=True)

        assert await is_notified(subscriber)
        assert not await is_notified(other)


async def test_all_subscribers_of_a_job_are_notified() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as first, notifier.subscribe("a") as second:
        notifier.notify("a", record_changed=False)

        assert await is_notified(first)
        assert await is_notified(second)


async def test_a_waiting_subscriber_is_woken() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber:
        waiting = asyncio.create_task(subscriber.wait())
        await asyncio.sleep(0)
        notifier.notify("a", record_changed=False)

        assert await waiting is False


async def test_notifications_coalesce() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber:
        for _ in range(5):
            notifier.notify("a", record_changed=False)

        assert await subscriber.wait() is False
        assert not await is_notified(subscriber)


@pytest.mark.parametrize("changes", [(True, False), (False, True)])
async def test_coalesced_notifications_keep_that_the_record_has_changed(
    changes: tuple[bool, bool],
) -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber:
        for changed in changes:
            notifier.notify("a", record_changed=changed)
        assert await subscriber.wait() is True

        notifier.notify("a", record_changed=False)
        assert await subscriber.wait() is False


async def test_a_subscriber_that_leaves_does_not_affect_the_others() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as staying:
        with notifier.subscribe("a") as leaving:
            pass
        notifier.notify("a", record_changed=True)
        assert await is_notified(staying)
        assert not await is_notified(leaving)
    notifier.notify("a", record_changed=True)

    assert not await is_notified(staying)


class Store:
    """Holds the record of a job and counts how often it is read."""

    def __init__(self) -> None:
        self.record = make_record(status=Status.RUNNING, version=1)
        self.reads = 0

    async def load(self) -> JobRecord:
        self.reads += 1
        await asyncio.sleep(0)
        return self.record

    def change(self) -> None:
        self.record = make_record(status=Status.RUNNING, version=self.record.version + 1)


async def test_subscribers_of_a_job_share_the_reading_of_a_change() -> None:
    notifier, store = JobNotifier(), Store()
    with notifier.subscribe("a") as first, notifier.subscribe("a") as second:
        await first.read_first(store.load)
        store.change()
        notifier.notify("a", record_changed=True)

        records = await asyncio.gather(*(subscriber.read(store.load) for subscriber in (first, second)))

    assert records == [store.record, store.record]
    assert store.reads == 2


async def test_a_change_during_the_reading_is_read_again() -> None:
    notifier, store = JobNotifier(), Store()
    with notifier.subscribe("a") as subscriber:
        notifier.notify("a", record_changed=True)
        reading = asyncio.create_task(subscriber.read(store.load))
        await asyncio.sleep(0)
        store.change()
        notifier.notify("a", record_changed=True)
        await reading

        assert await subscriber.read(store.load) is store.record


async def test_what_a_newcomer_finds_is_notified_to_the_others() -> None:
    notifier, store = JobNotifier(), Store()
    with notifier.subscribe("a") as first:
        await first.read_first(store.load)
        store.change()
        with notifier.subscribe("a") as newcomer:
            await newcomer.read_first(store.load)

            assert await first.wait() is True
            assert await first.read(store.load) is store.record
            assert not await is_notified(newcomer)


async def test_only_changes_of_the_record_made_here_are_announced_to_other_processes() -> None:
    channel = RecordedChannel()
    notifier = JobNotifier(channel)
    notifier.notify("live", record_changed=False)
    notifier.notify_changed_elsewhere("other")
    notifier.notify_place("waiting", 3)
    notifier.notify("here", record_changed=True)

    assert channel.announced == ["here"]


async def test_a_place_is_notified_once() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber:
        for position in (3, 3):
            notifier.notify_place("a", position)
        assert await subscriber.wait() is False

        notifier.notify_place("a", 3)
        assert not await is_notified(subscriber)
        notifier.notify_place("a", 2)
        assert await is_notified(subscriber)


async def test_closing_wakes_everybody() -> None:
    notifier = JobNotifier()
    with notifier.subscribe("a") as subscriber:
        notifier.close()

        assert await is_notified(subscriber)
        assert notifier.closed
