"""A closed connection lingers for a while before it ends, on a clock that the tests advance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from service.server.connections.lingering import QUIET_S, LingeringTransport

LONGEST_S = 10.0


class FakeLoop:
    """The two methods of an event loop that the transport uses."""

    def __init__(self) -> None:
        self.now = 0.0
        self._timers: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> None:
        self._timers.append((self.now + delay_s, callback))

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self._timers if timer[0] <= until]:
            timer = min(due, key=lambda each: each[0])
            self._timers.remove(timer)
            self.now = timer[0]
            timer[1]()
        self.now = until


class FakeTransport(asyncio.Transport):
    """Records what the lingering transport does to the event loop's transport."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.is_reset = False
        """True makes `write_eof` fail, as it does after the client has reset the connection."""
        self.actions: list[str] = []

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        if self.is_reset:
            raise OSError
        self.actions.append("eof")

    def close(self) -> None:
        self.actions.append("close")

    def abort(self) -> None:
        self.actions.append("abort")

    def is_closing(self) -> bool:
        return "close" in self.actions or "abort" in self.actions

    def resume_reading(self) -> None:
        self.actions.append("resume reading")

    def get_write_buffer_size(self) -> int:
        return self.unsent


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def inner() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
def transport(inner: FakeTransport, loop: FakeLoop) -> LingeringTransport:
    return LingeringTransport(inner, cast(asyncio.AbstractEventLoop, loop), LONGEST_S)


def test_closing_ends_our_side_first_and_the_connection_after_a_quiet_period(
    transport: LingeringTransport, inner: FakeTransport, loop: FakeLoop
) -> None:
    transport.close()
    assert inner.actions == ["resume reading", "eof"]
    loop.advance(QUIET_S - 0.1)
    assert not inner.is_closing()
    loop.advance(0.1)
    assert inner.actions == ["resume reading", "eof", "close"]


def test_a_client_that_still_sends_prolongs_the_quiet_period(
    transport: LingeringTransport, inner: FakeTransport, loop: FakeLoop
) -> None:
    transport.close()
    loop.advance(QUIET_S - 0.1)
    transport.drop()
    loop.advance(QUIET_S - 0.1)
    assert not inner.is_closing()
    loop.advance(QUIET_S)
    assert inner.is_closing()


def test_a_client_that_never_stops_sending_is_disconnected_in_the_end(
    transport: LingeringTransport, inner: FakeTransport, loop: FakeLoop
) -> None:
    transport.close()
    while loop.now < LONGEST_S:
        assert not inner.is_closing()
        transport.drop()
        loop.advance(QUIET_S / 4)
    loop.advance(QUIET_S / 4)
    assert inner.is_closing()


def test_a_connection_with_unsent_bytes_stays_open(
    transport: LingeringTransport, inner: FakeTransport, loop: FakeLoop
) -> None:
    inner.unsent = 1
    transport.close()
    loop.advance(2 * LONGEST_S)
    assert not inner.is_closing()
    inner.unsent = 0
    loop.advance(QUIET_S)
    assert inner.is_closing()


def test_closing_a_connection_that_the_client_has_reset_aborts_it(
    transport: LingeringTransport, inner: FakeTransport
) -> None:
    inner.is_reset = True
    transport.close()
    assert inner.actions == ["resume reading", "abort"]


def test_nothing_is_written_after_close(transport: LingeringTransport, inner: FakeTransport) -> None:
    transport.write(b"before")
    transport.close()
    transport.write(b"after")
    assert inner.written == b"before"


def test_closing_twice_is_closing_once(transport: LingeringTransport, inner: FakeTransport) -> None:
    transport.close()
    transport.close()
    assert inner.actions == ["resume reading", "eof"]


def test_closing_at_once_waits_for_nothing(transport: LingeringTransport, inner: FakeTransport) -> None:
    transport.close_at_once()
    assert inner.actions == ["close"]
    assert transport.is_closing()


def test_a_client_that_has_ended_is_not_waited_for(transport: LingeringTransport, inner: FakeTransport) -> None:
    transport.client_has_ended()
    transport.close()
    assert inner.actions == ["close"]


def test_written_bytes_are_counted_until_the_close(transport: LingeringTransport) -> None:
    transport.write(b"before")
    transport.close()
    transport.write(b"after")
    assert transport.written == len(b"before")
