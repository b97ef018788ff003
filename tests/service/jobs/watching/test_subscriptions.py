"""Readers hear of their own job, once for however much has happened, and they are not too many."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import QueueFullError
from service.jobs.watching.subscriptions import JobNotifier, Subscriber

LONG_S = 60.0
"""Until a broken test gives up; the silence of a working one is 0 seconds."""


async def hears(subscriber: Subscriber) -> bool:
    """Whether there are news, which it takes."""
    waiting = asyncio.create_task(subscriber.wait(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    heard = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return heard


async def test_a_subscriber_hears_of_its_own_job_alone() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber, notifier.subscribe("b") as other:
        notifier.notify("a", record_changed=True)

        assert await hears(subscriber)
        assert not await hears(other)


async def test_all_subscribers_of_a_job_hear_of_it() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as first, notifier.subscribe("a") as second:
        notifier.notify("a", record_changed=False)

        assert await hears(first)
        assert await hears(second)


async def test_a_subscriber_who_waits_is_woken() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        waiting = asyncio.create_task(subscriber.wait(LONG_S))
        await asyncio.sleep(0)
        notifier.notify("a", record_changed=False)

        assert await waiting is False


async def test_much_that_has_happened_is_one_piece_of_news() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        for _ in range(5):
            notifier.notify("a", record_changed=False)

        assert await subscriber.wait(LONG_S) is False
        assert not await hears(subscriber)


@pytest.mark.parametrize("changes", [(True, False), (False, True)])
async def test_that_the_record_has_changed_is_not_forgotten_for_what_comes_before_or_after(
    changes: tuple[bool, bool],
) -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        for changed in changes:
            notifier.notify("a", record_changed=changed)
        assert await subscriber.wait(LONG_S) is True

        notifier.notify("a", record_changed=False)
        assert await subscriber.wait(LONG_S) is False


async def test_after_a_silence_the_record_is_to_be_looked_at() -> None:
    notifier = JobNotifier(max_subscribers=9)
    with notifier.subscribe("a") as subscriber:
        assert await subscriber.wait(0.0) is True


async def test_a_subscriber_too_many_is_refused_until_one_goes() -> None:
    notifier = JobNotifier(max_subscribers=2)
    with notifier.subscribe("a"):
        with notifier.subscribe("b"), pytest.raises(QueueFullError) as refused, notifier.subscribe("c"):
            pass
        with notifier.subscribe("c"):
            pass

    assert refused.value.retry_after_s is not None


async def test_a_subscriber_that_goes_leaves_nothing_behind_and_the_others_in_place() -> None:
    notifier = JobNotifier(max_subscribers=2)
    with notifier.subscribe("a") as stays:
        with notifier.subscribe("a") as goes:
            pass
        notifier.notify("a", record_changed=True)
        assert await hears(stays)
        assert not await hears(goes)
    notifier.notify("a", record_changed=True)

    assert not await hears(stays)
