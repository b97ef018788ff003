"""What the facade makes of a worker's death, and what it gives the next one."""

from __future__ import annotations

from service.engine import messages
from service.engine.frontend.inflight import InFlightWork
from service.engine.frontend.local_job import LocalJob
from tests.harness.worker_harness import make_params


def make_job(job_id: str) -> LocalJob:
    return LocalJob(job_id, max_buffered=1, on_cancel=lambda _: None)


def make_ledger(*image_ids: str) -> InFlightWork:
    """One job for each image."""
    ledger = InFlightWork()
    for image_id in image_ids:
        ledger.open(make_job(image_id), [messages.Submit(image_id, make_params())], [1.0], now_s=0.0)
    return ledger


def take(ledger: InFlightWork) -> list[str]:
    return [ticket.submit.image_id for ticket in ledger.take_unsent()]


def start(ledger: InFlightWork, *image_ids: str) -> None:
    for ticket in ledger:
        ticket.started |= ticket.submit.image_id in image_ids


def end(ledger: InFlightWork, image_id: str) -> None:
    ticket = ledger.get(image_id)
    assert ticket is not None
    ledger.close(ticket)


def test_the_worker_gets_everything_once() -> None:
    ledger = make_ledger("a", "b")

    assert take(ledger) == ["a", "b"]
    assert take(ledger) == []


def test_a_death_makes_suspects_of_those_in_work_who_then_go_alone_and_first() -> None:
    ledger = make_ledger("waiting", "b", "c")
    take(ledger)
    start(ledger, "b", "c")

    assert ledger.worker_died() == []
    assert take(ledger) == ["b"]
    assert take(ledger) == []
    end(ledger, "b")
    assert take(ledger) == ["c"]
    end(ledger, "c")
    assert take(ledger) == ["waiting"]


def test_only_the_image_in_work_in_two_deaths_is_poison() -> None:
    ledger = make_ledger("innocent", "bad", "mate")
    take(ledger)
    start(ledger, "innocent", "bad", "mate")
    ledger.worker_died()
    take(ledger)
    start(ledger, "innocent")
    end(ledger, "innocent")
    assert take(ledger) == ["bad"]
    start(ledger, "bad")

    assert [ticket.submit.image_id for ticket in ledger.worker_died()] == ["bad"]


def test_where_nothing_had_started_all_that_the_worker_had_are_suspects() -> None:
    ledger = make_ledger("a", "b")
    take(ledger)
    ledger.worker_died()

    assert take(ledger) == ["a"]


def test_a_worker_is_told_how_long_an_image_has_waited_since_its_admission() -> None:
    ledger = InFlightWork()
    ledger.open(make_job("job"), [messages.Submit("job.0", make_params(), deadline_s=9.0)], [1.0], now_s=100.0)
    (ticket,) = ledger

    assert ticket.submitted(102.5) == messages.Submit("job.0", make_params(), waited_s=2.5, deadline_s=9.0)


def test_a_job_ends_with_its_last_image() -> None:
    ledger = InFlightWork()
    ledger.open(
        make_job("job"), [messages.Submit(f"job.{index}", make_params()) for index in range(2)], [1.0, 1.0], now_s=0.0
    )
    first, last = ledger

    assert not ledger.close(last)
    assert ledger.close(first)
    assert not ledger.close(first), "a ticket is closed once"
