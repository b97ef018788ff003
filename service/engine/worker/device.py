"""What the engine must know of the device, told by whoever loads the model: the engine itself imports no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


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
    """What the engine must know of the device that it computes on, and cannot ask without its library."""

    is_out_of_memory: Callable[[Exception], bool] = _is_memory_error
    is_broken: Callable[[Exception], bool] = _never
    """Whether the device serves no further call after this error; the worker then ends."""
    free_memory: Callable[[], None] = _nothing
    """Give back what is cached, after an out of memory."""
    memory_bytes: Callable[[], int] = _unknown_bytes
    """What this process holds of the device's memory."""
    name: str = ""
    """The hardware and the library that drives it: what measured times hold for."""


PLAIN_DEVICE: Final = Device()
