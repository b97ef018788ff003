"""When there is room in the queue, whatever the size of a job, and when refused callers are told to retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission, DrainSpeed, QueuedWork, WorkAhead
from service.errors import QuotaExceededError

NOTHING_AHEAD = WorkAhead(jobs=0, images=0, price_s=0.0)


def make_admission(
    queued: Sequence[tuple[str, float]], shares: dict[str, float] | None = None, **config: Any
) -> Admission:
    """Makes an admission with queued images, each a job of its own, given by its tenant and its price."""
    work = QueuedWork()
    for job, (tenant, price_s) in enumerate(queued):
        work.add(job, tenant, price_s)
    bounds = {"min_queued_jobs": 0, **config}
    worker = WorkerConfig(model="fake", shares={} if shares is None else shares)
    return Admission(EngineConfig(worker=worker, **bounds), work)


def over_quota(admission: Admission, tenant: str, waiting_s: float = 0.0) -> QuotaExceededError:
    with pytest.raises(QuotaExceededError) as refused:
        admission.check_quota(tenant, waiting_s)
    return refused.value


@pytest.mark.parametrize(("queued_s", "has_room"), [([], True), ([60.0], True), ([60.0, 40.0], False)])
def test_there_is_room_until_the_queued_seconds_reach_their_bound(queued_s: list[float], *, has_room: bool) -> None:
    assert make_admission([("", price_s) for price_s in queued_s], max_queued_s=100.0).has_room is has_room


@pytest.mark.parametrize(("images", "has_room"), [(0, True), (4, True), (5, False)])
def test_there_is_room_until_the_queued_images_reach_their_bound(images: int, *, has_room: bool) -> None:
    assert make_admission([("", 1.0)] * images, max_queued_images=5).has_room is has_room


def test_a_refused_caller_waits_until_its_job_has_room_behind_the_queue_and_the_line() -> None:
    admission = make_admission([("", 60.0), ("", 50.0)], max_queued_s=100.0)

    assert admission.refusal(NOTHING_AHEAD).retry_after_s == 10.0
    assert admission.refusal(WorkAhead(2, 2, 10.0)).retry_after_s == 20.0


def test_an_excess_of_images_is_worked_off_at_their_mean_price() -> None:
    admission = make_admission([("", 10.0)] * 5, max_queued_images=5)

    assert admission.refusal(NOTHING_AHEAD).retry_after_s == 10.0
    assert admission.refusal(WorkAhead(1, 2, 20.0)).retry_after_s == 30.0


def test_a_tenant_at_its_quota_is_refused_and_others_are_not() -> None:
    admission = make_admission([("heavy", 60.0), ("light", 5.0)], max_queued_s_per_tenant=50.0)
    admission.check_quota("light", 0.0)
    admission.check_quota("new", 0.0)

    error = over_quota(admission, "heavy")
    assert error.retry_after_s == 20.0, "two tenants share the device, so each one's queue drains at half the speed"


def test_the_queue_of_a_tenant_drains_by_its_weight() -> None:
    admission = make_admission([("heavy", 60.0), ("light", 60.0)], {"heavy": 4.0}, max_queued_s_per_tenant=50.0)

    assert [over_quota(admission, tenant).retry_after_s for tenant in ("heavy", "light")] == [13.0, 50.0]


def test_images_that_wait_in_line_count_against_the_quota() -> None:
    admission = make_admission([("heavy", 40.0)], max_queued_s_per_tenant=50.0)
    admission.check_quota("heavy", 9.0)

    assert over_quota(admission, "heavy", 15.0).retry_after_s == 5.0


def test_without_a_quota_a_tenant_may_queue_whatever_there_is_room_for() -> None:
    make_admission([("heavy", 1e6)]).check_quota("heavy", 1e6)


def test_a_queue_that_drains_slower_than_priced_asks_for_a_later_retry() -> None:
    admission = make_admission([("", 120.0)], max_queued_s=100.0)
    admission.speed.started(0.0)
    for turn in range(1, 100):
        admission.speed.finished(1.0, 2.0 * turn)

    assert admission.refusal(NOTHING_AHEAD).retry_after_s == 40.0


def test_no_refusal_asks_for_a_retry_after_less_than_a_second_or_more_than_an_hour() -> None:
    assert make_admission([("", 300.0)]).refusal(NOTHING_AHEAD).retry_after_s == 1.0
    assert make_admission([("", 290.0)]).refusal(WorkAhead(1, 2, 1e6)).retry_after_s == 3600.0


def test_a_few_jobs_have_room_whatever_they_cost() -> None:
    slow = [("", 1100.0)] * 3

    assert make_admission(slow, min_queued_jobs=4).has_room
    assert not make_admission([*slow, ("", 1.0)], min_queued_jobs=4).has_room


def test_the_images_of_one_job_are_one_job() -> None:
    config = EngineConfig(worker=WorkerConfig(model="fake"), min_queued_jobs=2)

    work = QueuedWork()
    for _ in range(10):
        work.add("job", "", 1100.0)

    assert Admission(config, work).has_room


def test_a_caller_behind_few_costly_jobs_waits_until_enough_of_them_have_ended() -> None:
    admission = make_admission([("", 1000.0)] * 4, min_queued_jobs=4)

    assert admission.wait_s(NOTHING_AHEAD) == 1000.0
    assert admission.wait_s(WorkAhead(1, 1, 1000.0)) == 2000.0


def test_a_long_wait_is_said_in_words() -> None:
    error = make_admission([("", 1320.0)], max_queued_s=120.0).refusal(NOTHING_AHEAD)

    assert error.retry_after_s == 1200.0
    assert error.message.endswith("There is room again in about 20 minutes.")


def test_several_devices_drain_the_queue_faster() -> None:
    waits_s = [
        make_admission([("", 160.0)], max_queued_s=100.0, devices=devices).wait_s(NOTHING_AHEAD)
        for devices in [(), ("cpu", "cpu")]
    ]

    assert waits_s == [60.0, 30.0]


def test_idle_time_does_not_lower_the_drain_speed() -> None:
    speed = DrainSpeed()
    speed.started(0.0)
    speed.finished(5.0, 5.0)
    speed.started(1000.0)
    speed.finished(5.0, 1005.0)

    assert speed.factor == 1.0


def test_the_sums_of_queued_work_follow_its_images() -> None:
    work = QueuedWork()
    for job, tenant, price_s in [("a", "busy", 4.0), ("a", "busy", 4.0), ("b", "light", 2.0)]:
        work.add(job, tenant, price_s)
    work.record_done("busy", 1.0)

    assert (work.jobs, work.images, work.left_s) == (2, 3, 9.0)
    assert [work.left_of_s(tenant) for tenant in ("busy", "light", "none")] == [7.0, 2.0, 0.0]

    work.remove("a", "busy", 3.0)
    work.remove("b", "light", 2.0)

    assert (work.jobs, work.images, work.left_s, set(work.tenants)) == (1, 1, 4.0, {"busy"})


def test_queued_work_is_nothing_again_when_all_images_have_left_whatever_their_prices_are() -> None:
    work = QueuedWork()
    for _ in range(10):
        work.add("job", "", 0.1)
    work.record_done("", 0.05)
    for left_s in [0.05, *[0.1] * 9]:
        work.remove("job", "", left_s)

    assert (work.jobs, work.images, work.left_s) == (0, 0, 0.0)
