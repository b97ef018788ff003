"""The device as the engine uses it. The model's loader supplies its functions, since the engine imports no torch.

Runs in the worker's process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from service.engine.limits import DeviceMemory


class Mark(Protocol):
    """A point in the device's work, between the calls that were launched before it and those launched after it."""

    @property
    def ready(self) -> bool:
        """Whether the device has passed it."""

    def seconds_since(self, earlier: Any) -> float:
        """Returns the seconds from an earlier mark of the same device to this one. Waits until this one is passed."""


@dataclass(frozen=True, slots=True)
class ClockMark:
    """A `Mark` of a device whose calls are complete when they return."""

    at_s: float
    ready: bool = True

    def seconds_since(self, earlier: ClockMark) -> float:
        return self.at_s - earlier.at_s


class TimedEvent(Protocol):
    """The part of torch.cuda.Event, with timing enabled, that is used here."""

    def record(self) -> None:
        """Places the event behind the work that was launched on the current stream."""

    def query(self) -> bool: ...

    def synchronize(self) -> None: ...

    def elapsed_time(self, end_event: Any) -> float:
        """Returns the milliseconds from this event to a later one, both passed."""


class EventMark:
    """A `Mark` of a device that works beside the host: an event on the current stream."""

    def __init__(self, event: TimedEvent) -> None:
        """Takes a new event, and records it."""
        self._event = event
        event.record()

    @property
    def ready(self) -> bool:
        return self._event.query()

    def seconds_since(self, earlier: EventMark) -> float:
        self._event.synchronize()
        return earlier._event.elapsed_time(self._event) / 1000


def _never(_: Exception) -> bool:
    return False


def _is_memory_error(error: Exception) -> bool:
    return isinstance(error, MemoryError)


def _nothing() -> None:
    pass


def _unknown_bytes() -> int:
    return 0


def _no_memory_of_its_own() -> None:
    return None


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
    memory: Callable[[], DeviceMemory | None] = _no_memory_of_its_own
    """Returns the memory of a GPU, in use and free; None for a CPU."""
    mark: Callable[[], Mark] | None = None
    """Marks the end of the work launched so far; None for a device whose work is done when it is launched. A call is
    measured between two marks."""
    tries_kernels: bool = False
    """Whether the first call of a shape takes much longer than later ones, because the library tries its kernels."""
    name: str = ""
    """The hardware and the version of its library. Measured costs are valid for one name."""


PLAIN_DEVICE: Final = Device()
"""A device without a library of its own, for fake pipelines and benchmarks."""
