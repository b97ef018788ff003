"""Which jobs are admitted to the queue, and when refused callers are told to retry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission, DrainSpeed
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob
from service.engine.messages import Submit
from service.errors import QueueFullError, QuotaExceededError
from tests.harness.engine.worker_harness import make_params


def make_admission(queued: Sequence[tuple[str, float]], **config: Any) -> Admission:
    """Makes an admission with queued images, each given by its tenant and its price."""
    in_flight = InFlightImages()
    for number, (tenant, price_s) in enumerate(queued):
        job = LocalJob(str(number), max_buffered=1, on_cancel=lambda _: None)
        in_flight.add_job(job, [Submit(str(number), make_params(), tenant=tenant)], [price_s], now_s=0.0)
    return Admission(EngineConfig(worker=WorkerConfig(model="fake"), **config), in_flight)


def refusal(admission: Admission, prices_s: Sequence[float], tenant: str = "") -> QueueFullError:
    with pytest.raises(QueueFullError) as refused:
        admission.check(prices_s, tenant)
    return refused.value


def test_the_queue_is_bounded_in_device_seconds() -> None:
    admission = make_admission([("", 60.0)], max_queued_s=100.0)
    admission.check([40.0], "")

    assert refusal(admission, [41.0]).retry_after_s == 1.0
    assert refusal(admission, [40.0, 30.0]).retry_after_s == 30.0


def test_an_idle_engine_admits_a_job_of_any_size() -> None:
    make_admission([], max_queued_s=1.0, max_queued_s_per_tenant=1.0, max_queued_images=1).check([500.0] * 9, "")


def test_the_queue_is_bounded_in_images() -> None:
    admission = make_admission([("", 10.0)] * 4, max_queued_images=5)
    admission.check([1.0], "")

    assert refusal(admission, [1.0, 1.0]).retry_after_s == 10.0


def test_a_tenant_over_its_quota_is_refused_and_others_are_admitted() -> None:
    admission = make_admission([("heavy", 50.0), ("light", 5.0)], max_queued_s_per_tenant=50.0)
    admission.check([10.0], "light")

    error = refusal(admission, [10.0], "heavy")
    assert isinstance(error, QuotaExceededError)
    assert error.retry_after_s == 20.0, "two tenants share the device, so each one's queue drains at half the speed"


def test_a_tenant_with_nothing_queued_may_submit_one_job_beyond_its_quota() -> None:
    admission = make_admission([("other", 5.0)], max_queued_s_per_tenant=50.0)
    admission.check([80.0], "new")

    assert not isinstance(refusal(admission, [301.0], "new"), QuotaExceededError)


def test_a_queue_that_drains_slower_than_priced_asks_for_a_later_retry() -> None:
    admission = make_admission([("", 60.0)], max_queued_s=100.0)
    admission.speed.started(0.0)
    for turn in range(1, 100):
        admission.speed.finished(1.0, 2.0 * turn)

    assert refusal(admission, [60.0]).retry_after_s == 40.0


def test_no_refusal_asks_for_a_retry_after_more_than_two_minutes() -> None:
    assert refusal(make_admission([("", 290.0)]), [1000.0]).retry_after_s == 120.0


def test_several_devices_drain_the_queue_faster() -> None:
    admission = make_admission([("", 60.0)], max_queued_s=100.0, devices=("cpu", "cpu"))

    assert refusal(admission, [60.0]).retry_after_s == 10.0


def test_idle_time_does_not_lower_the_drain_speed() -> None:
    speed = DrainSpeed()
    speed.started(0.0)
    speed.finished(5.0, 5.0)
    speed.started(1000.0)
    speed.finished(5.0, 1005.0)

    assert speed.factor == 1.0
