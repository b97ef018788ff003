"""Runs the model's calls so that an error fails only the item that caused it, with a message fit for its caller.

Runs in the worker's process.
"""

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
BatchCall: TypeAlias = Callable[[Sequence[ItemT]], Sequence[ResultT]]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why an item failed, in terms that its caller may see."""

    code: str
    """A public code of `service.errors`."""
    message: str
    field: str | None = None
    """The field of `GenerationParams` at fault, if there is one."""


class FaultIsolation:
    """Turns the errors of calls into faults of items. Raises only the errors after which the device is broken."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def run(self, call: BatchCall[ItemT, ResultT], items: Sequence[ItemT]) -> list[ResultT | Fault]:
        """Returns the result or the fault of each item, in order.

        `call` must be free of side effects: where it raises, it is repeated without the items that its error names, or
        with each half of the items, down to one. A single item that runs out of memory is tried once more after
        cached memory was freed.
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

    def run_smaller(
        self, call: Callable[[ItemT], ResultT], items: Sequence[ItemT], results: Sequence[ResultT | Fault]
    ) -> list[ResultT | Fault]:
        """Tries `call`, which takes less memory, for items that ran out of memory even alone. Returns all results."""

        def again(item: ItemT, result: ResultT | Fault) -> ResultT | Fault:
            out_of_memory = isinstance(result, Fault) and result.code == OutOfMemoryError.code
            return self.run_once(lambda: call(item)) if out_of_memory else result

        return [again(*pair) for pair in zip(items, results, strict=True)]

    def run_once(self, call: Callable[[], ResultT]) -> ResultT | Fault:
        """Returns the result or the fault of a call that must not be repeated."""
        results = self._attempt(lambda _: [call()], [None])
        return results.fault if isinstance(results, _Failure) else results[0]

    def fault_of(self, error: Exception) -> Fault:
        """Returns the fault of an item whose call raised this error. Raises the error if the device is broken."""
        if self._device.is_broken(error):
            raise error
        return self._classify(error).fault

    def _run_without(
        self, failure: _Failure, call: BatchCall[ItemT, ResultT], items: Sequence[ItemT]
    ) -> list[ResultT | Fault]:
        """Runs the call again without the items that the failure names."""
        sound = [item for position, item in enumerate(items) if position not in failure.positions]
        results = iter(self.run(call, sound))
        return [failure.fault if position in failure.positions else next(results) for position in range(len(items))]

    def _attempt(self, call: BatchCall[ItemT, ResultT], items: Sequence[ItemT]) -> list[ResultT | Fault] | _Failure:
        try:
            results: list[ResultT | Fault] = [*call(items)]
            assert len(results) == len(items), "a call returns one result per item"
        except Exception as error:
            if self._device.is_broken(error):
                raise
            failure = self._classify(error)
        else:
            return results
        # Outside the except block the exception and its frames are gone, and with them the call's tensors.
        if failure.out_of_memory:
            self._device.free_memory()
        return failure

    def _classify(self, error: Exception) -> _Failure:
        if self._device.is_out_of_memory(error):
            return _Failure(_fault(OutOfMemoryError, "The image does not fit in the device's memory."), True)
        if isinstance(error, NumericalError):
            message = "The model's numbers overflowed while it made the image."
            return _Failure(_fault(NonFiniteResultError, message), positions=frozenset(error.positions))
        if isinstance(error, InvalidParamsError):
            return _Failure(Fault(InvalidRequestError.code, str(error), error.field))
        # The text of an unforeseen exception may hold a prompt or a path, so neither the caller nor the log gets it.
        frames = traceback.extract_tb(error.__traceback__)
        place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
        _log.error("a call to the model raised %s at %s", type(error).__name__, place)
        return _Failure(_fault(GenerationFailedError, "The image could not be generated."))


@dataclass(frozen=True, slots=True)
class _Failure:
    fault: Fault
    out_of_memory: bool = False
    positions: frozenset[int] = frozenset()
    """Positions of the items at fault, where the error names them."""


def _fault(error: type[GenerationFailedError], message: str) -> Fault:
    return Fault(error.code, message)
