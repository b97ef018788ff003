"""An event loop with a virtual clock that jumps to the next timer, so that a minute of load takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _JumpingSelector(selectors.SelectSelector):
    """Does not wait, and advances the clock by the requested timeout."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += timeout or 0.0
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._selector = _JumpingSelector()
        super().__init__(self._selector)

    def time(self) -> float:
        return self._selector.now_s

    def jump(self, seconds: float) -> None:
        self._selector.now_s += seconds


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine that waits only for timers, never for sockets or threads, and returns its result."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    """Returns the running loop's time in seconds."""
    return asyncio.get_running_loop().time()


def block_loop(seconds: float) -> None:
    """Advances the running loop's clock, like a callback that blocks it."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, _VirtualLoop)
    loop.jump(seconds)
