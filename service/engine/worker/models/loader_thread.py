"""Does one piece of slow work at a time in a thread of its own, so that calls go on beside it. Knows no models.

Runs in the worker's process. A canceled piece ends at its next call of `report`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pipelines.progress import Report
from service.engine.worker.models.store import LoadCanceledError

ResultT = TypeVar("ResultT")


@dataclass(slots=True, eq=False)
class Outcome(Generic[ResultT]):
    """The end of a piece of work: its result, or the error that it raised."""

    result: ResultT | None = None
    error: Exception | None = None


class Loader(Protocol[ResultT]):
    """Does slow work for the pool."""

    def start(self, work: Callable[[Report], ResultT]) -> None:
        """Starts the work. There is only one piece at a time."""

    def cancel(self) -> None:
        """Makes the work end with `LoadCanceledError`, unless it is done before that."""

    def poll(self) -> Outcome[ResultT] | None:
        """Returns the outcome once, after the work has ended, and None before."""


class LoaderThread(Generic[ResultT]):
    """A `Loader` with a thread for each piece of work."""

    def __init__(self) -> None:
        self._canceled = threading.Event()
        self._thread: threading.Thread | None = None
        self._outcome: Outcome[ResultT] = Outcome()

    def start(self, work: Callable[[Report], ResultT]) -> None:
        assert self._thread is None, "one piece of work at a time"
        self._canceled.clear()
        self._outcome = Outcome()
        # A daemon, so that a load that hangs does not keep a drained worker from exiting.
        self._thread = threading.Thread(target=self._run, args=(work,), name="model-loader", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        self._canceled.set()

    def poll(self) -> Outcome[ResultT] | None:
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread = None
        outcome, self._outcome = self._outcome, Outcome()
        return outcome

    def _run(self, work: Callable[[Report], ResultT]) -> None:
        try:
            self._outcome.result = work(self._report)
        except Exception as error:  # noqa: BLE001 - whoever polls decides what the error means
            self._outcome.error = error

    def _report(self, activity: str = "", *, expected_s: float = 0.0) -> None:
        if self._canceled.is_set():
            raise LoadCanceledError
