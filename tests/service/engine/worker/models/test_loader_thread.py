"""The loader works beside its starter, and can be canceled."""

from __future__ import annotations

import threading

import pytest

from pipelines.progress import Report
from service.engine.worker.models.loader_thread import LoaderThread, Outcome
from service.engine.worker.models.store import LoadCanceledError


def outcome_of(loader: LoaderThread[str]) -> Outcome[str]:
    waiting = threading.Event()
    while (outcome := loader.poll()) is None:
        waiting.wait(0.001)
    return outcome


def test_work_is_done_beside_its_starter() -> None:
    loader, may_end = LoaderThread[str](), threading.Event()

    def work(report: Report) -> str:
        may_end.wait()
        return threading.current_thread().name

    loader.start(work)
    assert loader.poll() is None
    may_end.set()

    assert outcome_of(loader).result == "model-loader"
    assert loader.poll() is None


def test_an_error_is_an_outcome() -> None:
    loader = LoaderThread[str]()

    def work(report: Report) -> str:
        raise ValueError("broken")

    loader.start(work)

    assert str(outcome_of(loader).error) == "broken"


@pytest.mark.parametrize("times", [1, 2])
def test_canceled_work_ends_at_its_next_report(times: int) -> None:
    loader, canceled = LoaderThread[str](), threading.Event()

    def work(report: Report) -> str:
        report()
        canceled.wait()
        report()
        return "done"

    for _ in range(times):
        canceled.clear()
        loader.start(work)
        loader.cancel()
        canceled.set()
        assert isinstance(outcome_of(loader).error, LoadCanceledError)
