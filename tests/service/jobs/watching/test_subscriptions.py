"""Subscribers are notified of their own job, notifications coalesce, and the number of subscribers is limited."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import QueueFullError
from service.jobs.watching.subscriptions import JobNotifier, Subscriber

LONG_S = 60.0
"""A broken test gives up after this; a test that expects a timeout uses 0 seconds."""


async def is_notified(subscriber: Subscriber) -> bool:
    """Returns whether a notification is waiting, and consumes it."""
    waiting = asyncio.create_task(subscriber.wait(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    notified = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return notified


async def test_a_subscriber_is_notified_of_its_own_job_only() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber, notifier.subscribe("b") as other:
        notifier.notify("a", record_changed=True)

        assert await is_notified(subscriber)
        assert not await is_notified(other)


async def test_all_subscribers_of_a_job_are_notified() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as first, notifier.subscribe("a") as second:
        notifier.notify("a", record_changed=False)

        assert await is_notified(first)
        assert await is_notified(second)


async def test_a_waiting_subscriber_is_woken() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        waiting = asyncio.create_task(subscriber.wait(LONG_S))
        await asyncio.sleep(0)
        notifier.notify("a", record_changed=False)

        assert await waiting is False


async def test_notifications_coalesce() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        for _ in range(5):
            notifier.notify("a", record_changed=False)

        assert await subscriber.wait(LONG_S) is False
        assert not await is_notified(subscriber)


@pytest.mark.parametrize("changes", [(True, False), (False, True)])
async def test_coalesced_notifications_keep_that_the_record_has_changed(
    changes: tuple[bool, bool],
) -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        for changed in changes:
            notifier.notify("a", record_changed=changed)
        assert await subscriber.wait(LONG_S) is True

        notifier.notify("a", record_changed=False)
        assert await subscriber.wait(LONG_S) is False


async def test_after_a_timeout_the_record_must_be_read_again() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        assert await subscriber.wait(0.0) is True


async def test_a_subscriber_beyond_the_limit_is_refused_until_another_leaves() -> None:
    notifier = JobNotifier(max_subscribers=2)
    with notifier.subscribe("a"):
        with notifier.subscribe("b"), pytest.raises(QueueFullError) as refused, notifier.subscribe("c"):
            pass
        with notifier.subscribe("c"):
            pass

    assert refused.value.retry_after_s is not None


async def test_a_subscriber_that_leaves_does_not_affect_the_others() -> None:
    notifier = JobNotifier(max_subscribers=2)
    with notifier.subscribe("a") as staying:
        with notifier.subscribe("a") as leaving:
            pass
        notifier.notify("a", record_changed=True)
        assert await is_notified(staying)
        assert not await is_notified(leaving)
    notifier.notify("a", record_changed=True)

    assert not await is_notified(staying)
