"""Many failures to accept connections make only a few log lines."""

from __future__ import annotations

import asyncio
import errno
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from service.server.loop_errors import LoopErrors

FAILURE = {
    "message": "socket.accept() out of system resource",
    "exception": OSError(errno.EMFILE, "Too many"),
    "socket": 1,
}


class Loop:
    """An event loop with a clock that the tests advance, and a handler of errors."""

    def __init__(self) -> None:
        self.now = 0.0
        self.others: list[dict[str, Any]] = []

    def time(self) -> float:
        return self.now

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.others.append(context)


def as_loop(loop: Loop) -> asyncio.AbstractEventLoop:
    return cast(asyncio.AbstractEventLoop, loop)


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_many_failures_to_accept_are_one_line_and_the_next_one_counts_them(loop: Loop) -> None:
    handler = LoopErrors()
    with capture_logs() as lines:
        for _ in range(1000):
            handler(as_loop(loop), FAILURE)
        loop.now = 3600.0
        handler(as_loop(loop), FAILURE)
    assert [(line["reason"], line["failures"]) for line in lines] == [("Too many", 1), ("Too many", 1000)]
    assert loop.others == []


@pytest.mark.parametrize("context", [{"message": "x"}, {"message": "x", "exception": OSError(), "transport": 1}])
def test_other_errors_are_handled_as_ever(loop: Loop, context: dict[str, Any]) -> None:
    LoopErrors()(as_loop(loop), context)
    assert loop.others == [context]
