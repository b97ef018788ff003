"""Readers that are too slow are found, on a clock and with counts that the tests advance."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

import pytest

from service.server.connections.slow_readers import ReaderWatch, unread_bytes

WINDOW_S: Final = 60.0
MIN_BYTES_PER_S: Final = 1024.0
ANSWER_BYTES: Final = 1 << 20
HOUR_S: Final = 3600


def watch(min_bytes_per_s: float = MIN_BYTES_PER_S) -> ReaderWatch:
    return ReaderWatch(window_s=WINDOW_S, min_bytes_per_s=min_bytes_per_s)


def second_of_the_cut(reader: ReaderWatch, bytes_per_s: float) -> int | None:
    """Returns the second at which a client that reads a large answer at this rate is cut off; None if it reads all."""
    for second in range(HOUR_S):
        waiting = max(0, ANSWER_BYTES - int(bytes_per_s * second))
        if reader.is_too_slow(second, ANSWER_BYTES, waiting):
            return second
    return None


@pytest.mark.parametrize(("bytes_per_s", "is_cut"), [(0, True), (256, True), (1000, True), (1100, False), (1e6, False)])
def test_a_client_that_reads_below_the_floor_is_cut_off_after_one_window(bytes_per_s: float, is_cut: bool) -> None:
    assert second_of_the_cut(watch(), bytes_per_s) == (61 if is_cut else None)


def test_without_a_floor_any_byte_is_enough() -> None:
    assert second_of_the_cut(watch(0), 0) == 61
    reader = watch(0)
    assert not any(reader.is_too_slow(second, ANSWER_BYTES, ANSWER_BYTES - second // 50) for second in range(HOUR_S))


def test_a_stream_with_little_to_send_asks_little_of_its_reader() -> None:
    """An event of 100 bytes every second, of which the latest is always on its way."""
    reader = watch()
    assert not any(reader.is_too_slow(second, 100 * (second + 1), 100) for second in range(HOUR_S))


def test_a_reader_that_pauses_and_catches_up_within_the_window_is_kept() -> None:
    reader = watch()
    for second in range(0, HOUR_S, 50):
        assert not reader.is_too_slow(second, ANSWER_BYTES * (second + 1), ANSWER_BYTES)
        assert not reader.is_too_slow(second + 49, ANSWER_BYTES * (second + 1), 0)


def test_a_stream_that_is_silent_for_long_is_kept() -> None:
    reader = watch()
    assert not reader.is_too_slow(0, 100, 100)
    assert not any(reader.is_too_slow(second, 100, 0) for second in range(1, HOUR_S))


class _Transport(asyncio.BaseTransport):
    def __init__(self, connection: socket.socket) -> None:
        super().__init__({"socket": connection})


@pytest.mark.integration
def test_bytes_that_wait_in_the_kernel_are_unread_and_those_that_have_arrived_are_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        transport = _Transport(accepted)
        assert unread_bytes(transport, 0) == 0
        sent = accepted.send(bytes(500_000))
        waiting = unread_bytes(transport, 7)
        assert 7 < waiting <= 7 + sent
        left: Any = sent
        while left:
            left -= len(client.recv(left))
        assert unread_bytes(transport, 0) < waiting
        accepted.close()
        assert unread_bytes(transport, 7) == 7
