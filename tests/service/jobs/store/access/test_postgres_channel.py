"""Processes on one PostgreSQL database hear of each other's changes, even after the database was gone for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import URL

from service.jobs.store.access.postgres_channel import PostgresChannel, payloads
from tests.harness.postgres import PostgresServer

TIMEOUT_S = 60.0


class Listener:
    """A channel and the announcements that it has heard."""

    def __init__(self, url: URL) -> None:
        self.channel = PostgresChannel(url)
        self.changed: set[str] = set()
        self.times_waiting = 0
        self._heard = asyncio.Event()

    def hear(self, changed: Sequence[str], waiting: bool) -> None:
        self.changed.update(changed)
        self.times_waiting += waiting
        self._heard.set()

    async def until(self, *changed: str, times_waiting: int = 0) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not (self.changed.issuperset(changed) and self.times_waiting >= times_waiting):
                self._heard.clear()
                await self._heard.wait()


@contextlib.asynccontextmanager
async def listening(url: URL) -> AsyncIterator[Listener]:
    listener = Listener(url)
    listener.channel.start(listener.hear)
    await listener.until(times_waiting=1)  # Each begins with it: a job may have been accepted before.
    yield listener
    await listener.channel.stop()


@pytest.mark.integration
async def test_the_others_hear_what_one_announces_and_it_does_not_hear_itself(postgres_url: URL) -> None:
    async with listening(postgres_url) as one, listening(postgres_url) as other:
        one.channel.announce("job_a")
        one.channel.announce_waiting()
        await other.until("job_a", times_waiting=2)
        other.channel.announce("job_b")
        await one.until("job_b")

        assert (one.changed, one.times_waiting) == ({"job_b"}, 1)
        assert one.channel.listening


@pytest.mark.integration
async def test_more_changes_than_one_message_holds_all_arrive(postgres_url: URL) -> None:
    changed = [f"job_{number:026}" for number in range(1000)]
    async with listening(postgres_url) as one, listening(postgres_url) as other:
        for job_id in changed:
            one.channel.announce(job_id)
        await other.until(*changed)


@pytest.mark.integration
async def test_what_was_announced_last_is_sent_before_the_end(postgres_url: URL) -> None:
    async with listening(postgres_url) as other:
        async with listening(postgres_url) as one:
            one.channel.announce("job_a")
            one.channel.announce("job_b")
        await other.until("job_a", "job_b")


@pytest.mark.integration
async def test_a_channel_connects_again_and_then_takes_it_that_a_job_waits(
    postgres: PostgresServer, postgres_url: URL
) -> None:
    async with listening(postgres_url) as one, listening(postgres_url) as other:
        with postgres.stopped():
            async with asyncio.timeout(TIMEOUT_S):
                while one.channel.listening:  # noqa: ASYNC110 -- the channel's thread has no event for it
                    await asyncio.sleep(0.01)
        await one.until(times_waiting=2)
        await other.until(times_waiting=2)
        one.channel.announce("job_a")
        await other.until("job_a")


async def test_a_channel_without_a_database_stops() -> None:
    listener = Listener(URL.create("postgresql+psycopg", database="none", query={"host": "/nonexistent"}))
    listener.channel.start(listener.hear)
    listener.channel.announce("job_a")
    await listener.channel.stop()
    assert not listener.channel.listening


def test_words_are_joined_to_messages_that_postgresql_takes() -> None:
    words = [f"job_{number:026}" for number in range(600)]
    texts = payloads(words)
    assert " ".join(texts).split() == words
    assert len(texts) == 3
    assert max(map(len, texts)) < 8000
    assert payloads([]) == []
