"""The copy of the queue agrees with the store, whatever happens while the store is read."""

from __future__ import annotations

import contextlib
import itertools

from hypothesis import given
from hypothesis import strategies as st

from service.engine.scheduling.fair_share import FairShare
from service.errors import NotFoundError
from service.jobs.store.claims import JobClaims
from service.jobs.store.queue.tenant_queue import WaitingJob
from service.jobs.store.queue.waiting_jobs import QueuePlace, QueueTotals, WaitingJobs
from service.jobs.store.repository import JobRepository
from tests.harness.sample_jobs import accept, claim_one, make_job

FIRST, SECOND, THIRD = (
    WaitingJob(float(n), f"job_{n}", 2.0 * n, 10 * n, 100.0 - n, f"tenant {n % 2}", 1) for n in (1, 2, 3)
)


def queue_of(*jobs: WaitingJob) -> WaitingJobs:
    waiting = WaitingJobs()
    for job in jobs:
        waiting.add(job)
    return waiting


def test_places_and_sums_follow_the_order() -> None:
    waiting = queue_of(THIRD, FIRST, SECOND)

    assert [waiting.place(job.id) for job in (FIRST, SECOND, THIRD)] == [
        QueuePlace(0, 2.0),
        QueuePlace(1, 6.0),
        QueuePlace(2, 12.0),
    ]
    assert waiting.totals() == QueueTotals(3, 12.0, 60)
    assert waiting.oldest_created_at() == THIRD.created_at


def test_a_job_that_leaves_moves_the_others_up() -> None:
    waiting = queue_of(FIRST, SECOND, FIRST)
    waiting.remove(FIRST.id)
    waiting.remove("unknown")

    assert waiting.place(FIRST.id) is None
    assert waiting.place(SECOND.id) == QueuePlace(0, 4.0)
    assert waiting.totals() == QueueTotals(1, 4.0, 20)


def test_an_empty_queue_has_no_remainder() -> None:
    waiting = queue_of(FIRST)
    waiting.remove(FIRST.id)

    assert (waiting.totals(), waiting.oldest_created_at()) == (QueueTotals(0, 0.0, 0), None)


def test_a_job_whose_record_fails_leaves_again() -> None:
    waiting = WaitingJobs()

    with contextlib.suppress(NotFoundError), waiting.entering(FIRST):
        assert waiting.totals().jobs == 1
        raise NotFoundError

    assert waiting.totals().jobs == 0


def test_a_snapshot_keeps_what_has_changed_since_it_was_begun() -> None:
    waiting = queue_of(FIRST)
    with waiting.entering(THIRD):
        waiting.begin_snapshot()
        waiting.add(SECOND)
        waiting.remove(FIRST.id)
        waiting.replace([FIRST, WaitingJob(9.0, "of another process", 1.0, 1, 0.0, "other", 1)])

        assert waiting.place(FIRST.id) is None
        assert [waiting.place(each) for each in (SECOND.id, THIRD.id, "of another process")] == [
            QueuePlace(0, 4.0),
            QueuePlace(1, 10.0),
            QueuePlace(2, 11.0),
        ]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(0, 3))))
def test_it_agrees_with_a_sorted_list(changes: list[tuple[bool, int, int]]) -> None:
    waiting, expected = WaitingJobs(), dict[str, WaitingJob]()
    for enters, number, deadline in changes:
        job = WaitingJob(float(deadline), f"job_{number}", 1.0, 1, 0.0, "", 1)
        if enters:
            waiting.add(job)
            expected.setdefault(job.id, job)
        else:
            waiting.remove(job.id)
            expected.pop(job.id, None)

    order = sorted(expected.values())
    assert [waiting.place(job.id) for job in order] == [QueuePlace(place, place + 1.0) for place in range(len(order))]


def jobs_of(tenant: str, *prices_s: float, images: int = 1) -> list[WaitingJob]:
    return [
        WaitingJob(float(number), f"{tenant}{number}", price_s, 1, 0.0, tenant, images)
        for number, price_s in enumerate(prices_s)
    ]


def test_tenants_take_turns_by_the_price_of_their_jobs() -> None:
    waiting = queue_of(*jobs_of("a", 1.0, 1.0, 1.0, 1.0), *jobs_of("b", 2.0, 2.0))

    assert waiting.first(99, 99) == ["a0", "b0", "a1", "b1", "a2", "a3"]
    assert [waiting.place(job_id) for job_id in ("a0", "b0", "a2", "a3")] == [
        QueuePlace(0, 1.0),
        QueuePlace(1, 3.0),
        QueuePlace(4, 7.0),
        QueuePlace(5, 8.0),
    ]


def test_tenants_take_turns_by_their_weights() -> None:
    waiting = WaitingJobs(FairShare({"a": 3.0}))
    for job in (*jobs_of("a", *[1.0] * 9), *jobs_of("b", *[1.0] * 3)):
        waiting.add(job)

    assert [job_id[0] for job_id in waiting.first(99, 99)] == [*"abaabaaabaaa"]
    waiting.claim(["a0", "a1", "a2"])
    assert waiting.first(5, 99) == ["b0", "b1", "a3", "a4", "a5"]


def test_who_was_served_waits_for_the_others() -> None:
    waiting = queue_of(*jobs_of("a", 1.0, 1.0, 1.0), *jobs_of("b", 1.0, 1.0))
    waiting.claim(["a0", "a1"])

    assert waiting.first(99, 99) == ["b0", "b1", "a2"]


def test_a_tenant_that_was_idle_has_no_credit() -> None:
    waiting = queue_of(*jobs_of("a", *[1.0] * 6))
    for job_id in ("a0", "a1", "a2"):
        waiting.claim([job_id])
    for job in jobs_of("b", 1.0, 1.0, 1.0):
        waiting.add(job)

    assert waiting.first(4, 99) == ["b0", "b1", "a3", "b2"]


def test_the_job_that_goes_over_the_edge_is_among_the_first() -> None:
    waiting = queue_of(*jobs_of("a", 1.0, 1.0, 1.0, images=3))

    assert waiting.first(99, 4) == ["a0", "a1"]
    assert waiting.first(1, 4) == ["a0"]
    assert waiting.first(99, 0) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4)), max_size=12), st.lists(st.integers(0, 11)))
def test_places_are_those_in_which_jobs_are_claimed(added: list[tuple[str, int]], claimed: list[int]) -> None:
    waiting = WaitingJobs(FairShare({"a": 4.0, "b": 0.5}))
    for number, (tenant, price_s) in enumerate(added):
        waiting.add(WaitingJob(float(number % 5), f"{number:02}", float(price_s), 1, 0.0, tenant, 1))
    for number in claimed:
        waiting.claim([f"{number:02}"])

    order = waiting.first(99, 99)
    work_s = itertools.accumulate(float(added[int(job_id)][1]) for job_id in order)
    assert [waiting.place(job_id) for job_id in order] == list(map(QueuePlace, range(99), work_s))
    assert len(order) == waiting.totals().jobs


async def test_the_queue_of_another_process_is_learned(
    repository: JobRepository, claims: JobClaims, waiting: WaitingJobs
) -> None:
    accepted = await accept(repository, 2)
    await claim_one(claims)
    await repository.create(gone := make_job(), now=0.0)
    await repository.delete(gone.id, "alice")
    known = waiting.totals()

    for job_id in accepted:
        waiting.remove(job_id)
    await repository.refresh_waiting()

    assert waiting.totals() == known
    assert (known.jobs, waiting.place(accepted[1])) == (1, QueuePlace(0, 1.0))
