"""The key ring knows the keys of the store, and notices changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.auth.key_file import KeyFile
from service.auth.key_ring import KeyRing
from service.auth.keys import MAX_SECRET_CHARACTERS
from service.errors import StoreUnavailableError
from tests.harness.keys import NOON, KeysInMemory, api_key, secret_of


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def ring_of(store: KeysInMemory, file: KeyFile | None = None, *, clock: Callable[[], float] = lambda: NOON) -> KeyRing:
    return KeyRing(store, file, is_open=lambda: True, clock=clock, read_every_s=0.0)


@contextlib.contextmanager
def kept_up_to_date(ring: KeyRing) -> Iterator[None]:
    reading = asyncio.create_task(ring.run())
    try:
        yield
    finally:
        reading.cancel()


async def passed(ring: KeyRing) -> None:
    """Waits until the ring has been read once more."""
    read = asyncio.Event()
    ring.watch(read.set)
    await read.wait()


async def test_a_key_is_found_by_its_secret_and_by_its_id() -> None:
    ring = ring_of(KeysInMemory(api_key("a"), api_key("b")))
    await ring.refresh()

    assert ring.find(secret_of("a")) == ring.find_id("key_a") == api_key("a")
    assert ring.find(secret_of("c")) is None
    assert ring.find_id("key_c") is None


@pytest.mark.parametrize("secret", ["", "\udc80", "ä", "x" * (MAX_SECRET_CHARACTERS + 1)])
async def test_any_text_can_be_looked_up(secret: str) -> None:
    ring = ring_of(KeysInMemory(api_key("a")))
    await ring.refresh()

    assert ring.find(secret) is None


async def test_a_key_that_is_revoked_elsewhere_is_known_as_revoked_at_the_next_reading() -> None:
    store = KeysInMemory(api_key("a"))
    ring = ring_of(store)
    with kept_up_to_date(ring):
        await passed(ring)
        store.keys = [api_key("a", revoked_at=NOON), api_key("new")]
        await passed(ring)
        await passed(ring)

    assert ring.find(secret_of("a")) == api_key("a", revoked_at=NOON)
    assert ring.find(secret_of("new")) == api_key("new")


async def test_keys_stay_while_the_store_cannot_be_reached() -> None:
    store = KeysInMemory(api_key("a"))
    ring = ring_of(store)
    await ring.refresh()
    store.is_reachable = False

    with pytest.raises(StoreUnavailableError):
        await ring.refresh()
    assert ring.find(secret_of("a")) == api_key("a")


async def test_nothing_is_known_before_the_store_was_read() -> None:
    ring = KeyRing(KeysInMemory(), is_open=lambda: False, clock=lambda: NOON)
    await ring.refresh()
    assert not ring.is_known

    opened = ring_of(KeysInMemory())
    await opened.refresh()
    assert (opened.is_known, opened.has_keys) == (True, False)


async def test_a_server_that_had_a_key_has_keys_for_good() -> None:
    store = KeysInMemory(api_key("a"))
    ring = ring_of(store)
    await ring.refresh()
    store.keys = []
    await ring.refresh()

    assert ring.find(secret_of("a")) is None
    assert ring.has_keys


async def test_watchers_are_called_after_each_reading_also_where_it_failed() -> None:
    store = KeysInMemory(api_key("a"))
    store.is_reachable = False
    ring = ring_of(store)
    with kept_up_to_date(ring):
        await passed(ring)
        await passed(ring)


async def test_an_idle_ring_writes_nothing_and_a_used_key_is_written_once_a_minute() -> None:
    store, clock = KeysInMemory(api_key("a"), api_key("idle")), Clock()
    ring = ring_of(store, clock=clock)
    with kept_up_to_date(ring):
        await passed(ring)
        await passed(ring)
        assert store.recorded == []
        ring.used(api_key("a"))
        await passed(ring)
        await passed(ring)
        assert store.recorded == [{"key_a": NOON}]
        clock.now = NOON + 59
        ring.used(api_key("a"))
        await passed(ring)
        await passed(ring)
        assert store.recorded == [{"key_a": NOON}]
        clock.now = NOON + 60
        await passed(ring)
        await passed(ring)

    assert store.recorded == [{"key_a": NOON}, {"key_a": NOON + 59}]


async def test_the_keys_of_a_file_count_too_and_their_use_is_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(secret_of("container"))
    store = KeysInMemory(api_key("a"))
    ring = ring_of(store, KeyFile(file))
    with kept_up_to_date(ring):
        await passed(ring)
        key = ring.find(secret_of("container"))
        assert key is not None
        ring.used(key)
        await passed(ring)
        await passed(ring)

    assert ring.find(secret_of("a")) == api_key("a")
    assert store.recorded == []


async def test_a_file_is_read_again_when_it_changes_and_its_keys_end_with_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(secret_of("one"))
    ring = ring_of(KeysInMemory(), KeyFile(file))
    file.write_text(f"{secret_of('other')} # not a key's field")
    await ring.refresh()
    assert (ring.find(secret_of("one")), ring.find(secret_of("other"))) == (None, None)

    file.write_text(f"{secret_of('one')}\n{secret_of('another')}\n")
    await ring.refresh()
    assert ring.find(secret_of("another")) is not None

    file.unlink()
    await ring.refresh()
    assert ring.find(secret_of("another")) is None
    assert ring.has_keys


def test_a_file_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        ring_of(KeysInMemory(), KeyFile(tmp_path / "none"))
