"""Readers hear of their own job, once for however much has happened, and they are not too many."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import QueueFullError
from service.jobs.watching.subscriptions import JobNotifier, Subscriber

LONG_S = 60.0
"""Until a broken test gives up; the silence of a working one is 0 seconds."""


async def hears(follower: Subscriber) -> bool:
    """Whether there are news, which it takes."""
    waiting = asyncio.create_task(follower.wait(LONG_S))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    heard = waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return heard


async def test_a_follower_hears_of_its_own_job_alone() -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as follower, news.follow("b") as other:
        news.tell("a", record_changed=True)

        assert await hears(follower)
        assert not await hears(other)


async def test_all_followers_of_a_job_hear_of_it() -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as first, news.follow("a") as second:
        news.tell("a", record_changed=False)

        assert await hears(first)
        assert await hears(second)


async def test_a_follower_who_waits_is_woken() -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as follower:
        waiting = asyncio.create_task(follower.wait(LONG_S))
        await asyncio.sleep(0)
        news.tell("a", record_changed=False)

        assert await waiting is False


async def test_much_that_has_happened_is_one_piece_of_news() -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as follower:
        for _ in range(5):
            news.tell("a", record_changed=False)

        assert await follower.wait(LONG_S) is False
        assert not await hears(follower)


@pytest.mark.parametrize("changes", [(True, False), (False, True)])
async def test_that_the_record_has_changed_is_not_forgotten_for_what_comes_before_or_after(
    changes: tuple[bool, bool],
) -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as follower:
        for changed in changes:
            news.tell("a", record_changed=changed)
        assert await follower.wait(LONG_S) is True

        news.tell("a", record_changed=False)
        assert await follower.wait(LONG_S) is False


async def test_after_a_silence_the_record_is_to_be_looked_at() -> None:
    news = JobNotifier(max_subscribers=9)
    with news.follow("a") as follower:
        assert await follower.wait(0.0) is True


async def test_a_follower_too_many_is_refused_until_one_goes() -> None:
    news = JobNotifier(max_subscribers=2)
    with news.follow("a"):
        with news.follow("b"), pytest.raises(QueueFullError) as refused, news.follow("c"):
            pass
        with news.follow("c"):
            pass

    assert refused.value.retry_after_s is not None


async def test_a_follower_that_goes_leaves_nothing_behind_and_the_others_in_place() -> None:
    news = JobNotifier(max_subscribers=2)
    with news.follow("a") as stays:
        with news.follow("a") as goes:
            pass
        news.tell("a", record_changed=True)
        assert await hears(stays)
        assert not await hears(goes)
    news.tell("a", record_changed=True)

    assert not await hears(stays)
