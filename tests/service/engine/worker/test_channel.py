"""The worker's channel sends and receives messages over a real socket pair."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest

from service.engine import messages
from service.engine.messages import LENGTH, FromWorker, pack
from service.engine.types import Timings
from service.engine.worker.channel import SocketChannel, is_closed
from tests.harness.engine.worker_harness import make_params

TIMEOUT_S = 60.0
TIMINGS = Timings(0.0, 0.0, 0.0, 0.0, 1.0)


class Border:
    """Both ends of a socket pair: the channel at the far one, a plain socket at the near one."""

    def __init__(self) -> None:
        self.near, far = socket.socketpair()
        self.near.settimeout(TIMEOUT_S)
        self.lost: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.channel = SocketChannel(far, on_lost=self.lost.put)
        self._stream = self.near.makefile("rb")

    def read(self) -> FromWorker:
        (length,) = LENGTH.unpack(self._stream.read(LENGTH.size))
        message: FromWorker = msgspec.msgpack.decode(self._stream.read(length), type=FromWorker)
        return message

    def hang_up(self) -> None:
        self._stream.close()
        self.near.close()


@pytest.fixture
def border() -> Iterator[Border]:
    border = Border()
    yield border
    border.hang_up()
    border.channel.close()


def make_image(image_id: str) -> messages.Finished:
    return messages.Finished(image_id, 1000, 1000, bytes(3_000_000), TIMINGS)


def test_messages_arrive_complete_and_in_order(border: Border) -> None:
    submits = [messages.Submit(f"job.{index}", make_params("é" * 5000, seed=2**63 - 1)) for index in range(20)]
    border.near.sendall(b"".join(map(pack, submits)))

    received: list[messages.ToWorker] = []
    while len(received) < len(submits):
        received += border.channel.receive(TIMEOUT_S)
    assert received == submits


def test_receiving_without_a_timeout_does_not_wait(border: Border) -> None:
    assert border.channel.receive(0.0) == []


def test_a_stalled_reader_loses_progress_and_no_images(border: Border) -> None:
    images = [make_image(f"job.{index}") for index in range(3)]
    for image in images:
        border.channel.send(image)
    for step in range(1000):
        border.channel.send(messages.Progress("job.3", step, 1000, 1.0))
    border.channel.send(messages.Canceled("job.3"))
    assert border.channel.congested
    assert border.channel.unsent_images > 0

    read = [border.read()]
    while not isinstance(read[-1], messages.Canceled):
        read.append(border.read())
    assert [message for message in read if isinstance(message, messages.Finished)] == images
    assert sum(isinstance(message, messages.Progress) for message in read) < 100


def test_what_is_made_later_is_sent_in_its_turn(border: Border) -> None:
    made_by: list[str] = []

    def make() -> messages.Checkpoint:
        made_by.append(threading.current_thread().name)
        return messages.Checkpoint("job.0", 3, b"data")

    border.channel.send(messages.Progress("job.0", 3, 4, 1.0))
    border.channel.send_later(make)
    border.channel.send(messages.Canceled("job.0"))

    assert [type(border.read()) for _ in range(3)] == [messages.Progress, messages.Checkpoint, messages.Canceled]
    assert made_by == ["channel-writer"]


def test_what_a_stalled_reader_would_lose_is_not_made(border: Border) -> None:
    for index in range(3):
        border.channel.send(make_image(f"job.{index}"))
    for step in range(1000):
        border.channel.send(messages.Progress("job.3", step, 1000, 1.0))
    made: list[str] = []

    def make() -> messages.Canceled:
        made.append("job.3")
        return messages.Canceled("job.3")

    border.channel.send_later(make)
    border.channel.send(messages.Canceled("job.4"))

    while border.read() != messages.Canceled("job.4"):
        pass
    assert made == []


def test_closing_sends_what_is_left(border: Border) -> None:
    border.channel.send(messages.Unloadable("no such folder"))
    border.channel.close()

    assert border.read() == messages.Unloadable("no such folder")
    assert border.near.recv(1) == b""


def test_a_worker_is_told_when_its_frontend_is_gone(border: Border) -> None:
    border.hang_up()

    assert border.lost.get(timeout=TIMEOUT_S) != 0


def test_a_connection_is_closed_once_the_other_end_is_and_all_it_sent_was_read() -> None:
    near, far = socket.socketpair()
    with far:
        assert not is_closed(far)
        near.sendall(b"a")
        near.close()
        assert not is_closed(far)
        far.recv(1)
        assert is_closed(far)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xff\xff\xff",
        LENGTH.pack(3) + b"\xc1\xc1\xc1",
        LENGTH.pack(0),
        # A pickle that would print if it were loaded.
        pack(messages.Drain())[:4] + b"cbuiltins\nprint\n(S'pickled'\ntR.",
    ],
)
def test_bytes_that_are_no_message_end_the_connection(
    border: Border, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    border.near.sendall(content)

    assert border.lost.get(timeout=TIMEOUT_S) != 0
    assert "pickled" not in capfd.readouterr().out
