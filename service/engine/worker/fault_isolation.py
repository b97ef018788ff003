"""Runs a model's calls so that whatever goes wrong is laid to the one item at fault, in words fit for its caller."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from pipelines.errors import InvalidParamsError, NumericalError
from service.engine.worker.device import Device
from service.errors import GenerationFailedError, InvalidRequestError, NonFiniteResultError, OutOfMemoryError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
Batched: TypeAlias = Callable[[Sequence[ItemT]], Sequence[ResultT]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an item failed, as it may be told."""

    code: str
    """A public code of `service.errors`."""
    message: str
    field: str | None = None


class Isolation:
    """Calls a model, and tells the results from the faults. Raises only what the device does not survive."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def run(self, call: Batched[ItemT, ResultT], items: Sequence[ItemT]) -> list[ResultT | Fault]:
        """The result or the fault of each item. The call is pure: where it raises it is made again with fewer items,
        down to one.
        """
        if not items:
            return []
        results = self._attempt(call, items)
        if not isinstance(results, _Failure):
            return results
        if results.positions:
            return self._run_without(results, call, items)
        if len(items) > 1:
            half = len(items) // 2
            return self.run(call, items[:half]) + self.run(call, items[half:])
        if results.out_of_memory:
            results = self._attempt(call, items)
        return [results.fault] if isinstance(results, _Failure) else results

    def run_once(self, call: Callable[[], ResultT]) -> ResultT | Fault:
        """The result or the fault of a call that concerns one item, and may not be made again."""
        results = self._attempt(lambda _: [call()], [None])
        return results.fault if isinstance(results, _Failure) else results[0]

    def _run_without(
        self, failure: _Failure, call: Batched[ItemT, ResultT], items: Sequence[ItemT]
    ) -> list[ResultT | Fault]:
        """For a call that named the items at fault."""
        sound = [item for position, item in enumerate(items) if position not in failure.positions]
        results = iter(self.run(call, sound))
        return [failure.fault if position in failure.positions else next(results) for position in range(len(items))]

    def _attempt(self, call: Batched[ItemT, ResultT], items: Sequence[ItemT]) -> list[ResultT | Fault] | _Failure:
        try:
            results: list[ResultT | Fault] = [*call(items)]
            assert len(results) == len(items), "a call answers for each of its items"
        except Exception as error:
            if self._device.is_broken(error):
                raise
            failure = self._judge(error)
        else:
            return results
        # Here the exception and the frames that it held are gone, and with them the call's tensors.
        if failure.out_of_memory:
            self._device.free_memory()
        return failure

    def _judge(self, error: Exception) -> _Failure:
        if self._device.is_out_of_memory(error):
            return _Failure(_fault(OutOfMemoryError, "The image does not fit in the device's memory."), True)
        if isinstance(error, NumericalError):
            message = "The model's numbers overflowed while it made the image."
            return _Failure(_fault(NonFiniteResultError, message), positions=frozenset(error.positions))
        if isinstance(error, InvalidParamsError):
            return _Failure(Fault(InvalidRequestError.code, str(error), error.field))
        # The text of an unforeseen exception may hold a prompt or a path: neither the caller nor the log gets it.
        frames = traceback.extract_tb(error.__traceback__)
        place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
        _log.error("a call of the model raised %s at %s", type(error).__name__, place)
        return _Failure(_fault(GenerationFailedError, "The image could not be made."))


@dataclass(frozen=True, slots=True)
class _Failure:
    fault: Fault
    out_of_memory: bool = False
    positions: frozenset[int] = frozenset()
    """The items at fault, where the call named them."""


def _fault(error: type[GenerationFailedError], message: str) -> Fault:
    return Fault(error.code, message)
