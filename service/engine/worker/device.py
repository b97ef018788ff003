"""Facts about the device that the engine needs. The model's loader supplies them, since the engine imports no torch.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self


class Mark(Protocol):
    """A point in the device's work."""

    @property
    def ready(self) -> bool:
        """Whether the device has come to it."""

    def seconds_since(self, earlier: Self) -> float:
        """Returns the seconds between two marks. Waits until the device has come to this one."""


@dataclass(frozen=True, slots=True)
class ClockMark:
    """A `Mark` of a device whose work is done when it is launched."""

    time_s: float
    ready: bool = True

    def seconds_since(self, earlier: ClockMark) -> float:
        return self.time_s - earlier.time_s


def _never(_: Exception) -> bool:
    return False


def _is_memory_error(error: Exception) -> bool:
    return isinstance(error, MemoryError)


def _nothing() -> None:
    pass


def _unknown_bytes() -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Device:
    """Functions that need the device's library."""

    is_out_of_memory: Callable[[Exception], bool] = _is_memory_error
    is_broken: Callable[[Exception], bool] = _never
    """Whether the device serves no further call after this error; the worker then exits."""
    free_memory: Callable[[], None] = _nothing
    """Returns cached memory to the device; called after an out-of-memory error."""
    memory_bytes: Callable[[], int] = _unknown_bytes
    """Returns the device memory that this process holds."""
    mark: Callable[[], Mark] | None = None
    """Marks the device's work so far; None where work is done when it is launched."""
    name: str = ""
    """The hardware and the version of its library. Measured costs are valid for one name."""


PLAIN_DEVICE: Final = Device()
"""A device without a library of its own, for fake pipelines and benchmarks."""
