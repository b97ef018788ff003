"""Logging never waits for the log's reader, and the log tells where lines are missing."""

from __future__ import annotations

import io
import os
import threading
from typing import Final

import pytest

from service.observability.log_writer import LogWriter, sink

LONGEST_S: Final = 60.0
"""Limit of each wait, in seconds. Only a broken test, which would hang, reaches it."""


class Reader:
    """Takes lines while `reads` is set, and otherwise holds the next one until it is set."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.reads = threading.Event()
        self.reads.set()
        self.holds_a_line = threading.Event()

    def take(self, line: str) -> None:
        self.holds_a_line.set()
        self.reads.wait(LONGEST_S)
        self.lines.append(line)


@pytest.fixture
def reader() -> Reader:
    return Reader()


def writer_to(reader: Reader, *, max_queued: int = 1 << 20) -> LogWriter:
    return LogWriter(reader.take, lambda lines: f"{lines} dropped", max_queued=max_queued)


def test_lines_are_written_in_their_order(reader: Reader) -> None:
    writer = writer_to(reader)
    written = [f"line {n}" for n in range(100)]
    for line in written:
        writer.put(line)

    assert writer.flush(LONGEST_S)
    assert reader.lines == written
    assert writer.dropped == 0


def test_lines_beyond_the_bound_are_dropped_and_their_number_stands_in_their_place(reader: Reader) -> None:
    writer = writer_to(reader, max_queued=1000)
    reader.reads.clear()
    writer.put("early 0")
    assert reader.holds_a_line.wait(LONGEST_S)  # The thread takes no more lines, so that no room becomes free.
    for n in range(1, 100):
        writer.put(f"early {n}")
    reader.reads.set()
    assert writer.flush(LONGEST_S)
    writer.put("late")
    assert writer.flush(LONGEST_S)

    kept = [line for line in reader.lines if line.startswith("early")]
    assert 0 < len(kept) < 100
    assert reader.lines == [*kept, f"{100 - len(kept)} dropped", "late"]
    assert writer.dropped == 100 - len(kept)


def test_a_flush_does_not_wait_longer_than_it_may_for_a_reader_that_stands_still(reader: Reader) -> None:
    writer = writer_to(reader)
    reader.reads.clear()
    writer.put("unread")

    assert not writer.flush(0.01)
    reader.reads.set()
    assert writer.flush(LONGEST_S)


def test_what_is_queued_when_the_writer_is_closed_is_written_and_nothing_after(reader: Reader) -> None:
    writer = writer_to(reader)
    reader.reads.clear()
    writer.put("before")
    writer.close()
    writer.put("after")
    reader.reads.set()

    assert writer.flush(LONGEST_S)
    assert (reader.lines, writer.dropped) == (["before"], 1)


def test_a_reader_that_is_gone_stops_nothing() -> None:
    def fail(_: str) -> None:
        raise BrokenPipeError

    writer = LogWriter(fail, str)
    writer.put("unread")
    assert writer.flush(LONGEST_S)
    writer.put("unread too")
    assert writer.flush(LONGEST_S)


def test_a_file_gets_every_byte_though_it_takes_few_at_a_time_and_is_not_blocking() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = "ä" * 200_000 + "\udc80"
    with os.fdopen(reading, "rb") as taken, os.fdopen(writing, "w", encoding="utf-8") as stream:
        thread = threading.Thread(target=sink(stream), args=(text,))
        thread.start()
        assert taken.read(400_006) == text.encode("utf-8", "backslashreplace")
        thread.join()


def test_a_stream_that_is_no_file_is_written_to_as_it_is() -> None:
    stream = io.StringIO()
    sink(stream)("a line\n")
    assert stream.getvalue() == "a line\n"
