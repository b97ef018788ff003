"""Who may join the queue, and who is told when to come back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.admission import Admission, DrainSpeed
from service.engine.frontend.inflight import InFlightWork
from service.engine.frontend.local_job import LocalJob
from service.engine.messages import Submit
from service.errors import QueueFullError, QuotaExceededError
from tests.harness.worker_harness import make_params


def make_admission(queued: Sequence[tuple[str, float]], **config: Any) -> Admission:
    """With these images in the queue: whose they are, and their price."""
    ledger = InFlightWork()
    for number, (tenant, price_s) in enumerate(queued):
        job = LocalJob(str(number), max_buffered=1, on_cancel=lambda _: None)
        ledger.open(job, [Submit(str(number), make_params(), tenant=tenant)], [price_s], now_s=0.0)
    return Admission(EngineConfig(worker=WorkerConfig(model="fake"), **config), ledger)


def refusal(admission: Admission, prices_s: Sequence[float], tenant: str = "") -> QueueFullError:
    with pytest.raises(QueueFullError) as refused:
        admission.check(prices_s, tenant)
    return refused.value


def test_work_is_bounded_in_seconds_of_the_device() -> None:
    admission = make_admission([("", 60.0)], max_queued_s=100.0)
    admission.check([40.0], "")

    assert refusal(admission, [41.0]).retry_after_s == 1.0
    assert refusal(admission, [40.0, 30.0]).retry_after_s == 30.0


def test_an_empty_engine_takes_a_job_of_any_size() -> None:
    make_admission([], max_queued_s=1.0, max_queued_s_per_tenant=1.0, max_queued_images=1).check([500.0] * 9, "")


def test_images_are_bounded_too() -> None:
    admission = make_admission([("", 10.0)] * 4, max_queued_images=5)
    admission.check([1.0], "")

    assert refusal(admission, [1.0, 1.0]).retry_after_s == 10.0


def test_a_tenant_over_its_quota_is_refused_for_that_and_others_are_not() -> None:
    admission = make_admission([("greedy", 50.0), ("modest", 5.0)], max_queued_s_per_tenant=50.0)
    admission.check([10.0], "modest")

    error = refusal(admission, [10.0], "greedy")
    assert isinstance(error, QuotaExceededError)
    assert error.retry_after_s == 20.0, "it drains at half the speed, beside another"


def test_a_tenant_with_nothing_in_the_queue_may_bring_one_job_beyond_its_quota() -> None:
    admission = make_admission([("other", 5.0)], max_queued_s_per_tenant=50.0)
    admission.check([80.0], "new")

    assert not isinstance(refusal(admission, [301.0], "new"), QuotaExceededError)


def test_a_queue_that_drains_slower_than_priced_asks_for_more_patience() -> None:
    admission = make_admission([("", 60.0)], max_queued_s=100.0)
    admission.speed.started(0.0)
    for turn in range(1, 100):
        admission.speed.finished(1.0, 2.0 * turn)

    assert refusal(admission, [60.0]).retry_after_s == 40.0


def test_no_refusal_asks_for_more_patience_than_clients_have() -> None:
    assert refusal(make_admission([("", 290.0)]), [1000.0]).retry_after_s == 120.0


def test_idle_time_is_no_slowness() -> None:
    speed = DrainSpeed()
    speed.started(0.0)
    speed.finished(5.0, 5.0)
    speed.started(1000.0)
    speed.finished(5.0, 1005.0)

    assert speed.factor == 1.0
