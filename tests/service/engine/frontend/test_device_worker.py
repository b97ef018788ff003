"""A device's worker knows its images, what they cost there, and whether a further one would begin soon."""

from __future__ import annotations

import pytest

from pipelines.fake import INFO
from pipelines.interface import CostKey, Stage
from service.engine.config import WorkerConfig
from service.engine.costs.cost_table import CostTable
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from service.engine.messages import CallDone, Cancel, Submit
from service.engine.types import Priority
from tests.harness.engine.handles import make_handle, make_plans, make_ready
from tests.harness.engine.recording_link import RecordingLink
from tests.harness.engine.worker_harness import flat_costs, make_params

MAX_ROWS = 4
CREDIT = 8
"""Images of which one of the same tenant still has credit: four calls of four rows, with two rows an image."""


def make_call(*, seconds: float, sound: bool = True) -> CallDone:
    key = CostKey(Stage.DENOISE, 64, 64, model=INFO.name)
    return CallDone(key=key, rows=2, padded_rows=0, images=1, seconds=seconds, sound=sound)


class Harness:
    def __init__(self, costs: CostTable | None = None, shares: dict[str, float] | None = None) -> None:
        self.link = RecordingLink()
        self.worker = DeviceWorker(0, self.link, WorkerConfig(model="fake", max_rows=MAX_ROWS, shares=shares or {}))
        self.worker.serve(make_ready(costs or flat_costs(MAX_ROWS, call_s=1.0)))
        self.in_flight = InFlightImages()
        self.made = 0

    def make(self, *, tenant: str = "", priority: Priority = Priority.INTERACTIVE) -> InFlightImage:
        """Admits an image, each a second after the one before."""
        self.made += 1
        job = make_handle(str(self.made))
        submit = Submit(str(self.made), make_params(), tenant=tenant, priority=priority)
        self.in_flight.add_job(job, [submit], make_plans([submit]), [1.0], now_s=float(self.made))
        image = self.in_flight.unsent[-1]
        image.virtual_deadline_s = self.worker.virtual_deadline_s(image)
        return image

    def send(self, count: int, *, tenant: str = "", priority: Priority = Priority.INTERACTIVE) -> list[InFlightImage]:
        images = [self.make(tenant=tenant, priority=priority) for _ in range(count)]
        for image in images:
            self.worker.submit(image, 0.0)
        return images


@pytest.fixture
def harness() -> Harness:
    return Harness()


def test_an_image_has_credit_while_less_than_four_calls_wait_before_it(harness: Harness) -> None:
    harness.send(CREDIT - 1)
    assert harness.worker.has_credit_for(harness.make())
    harness.send(1)
    assert not harness.worker.has_credit_for(harness.make())


def test_begun_images_use_no_credit(harness: Harness) -> None:
    sent = harness.send(CREDIT)
    sent[0].started = True

    assert harness.worker.has_credit_for(harness.make())


def test_an_urgent_image_has_credit_where_only_patient_ones_wait(harness: Harness) -> None:
    harness.send(5 * CREDIT, priority=Priority.BATCH)

    assert harness.worker.has_credit_for(harness.make(priority=Priority.INTERACTIVE))
    assert not harness.worker.has_credit_for(harness.make(priority=Priority.BATCH))


def test_a_tenant_waits_for_as_much_of_each_other_tenant_as_of_its_own(harness: Harness) -> None:
    harness.send(5 * CREDIT, tenant="heavy")
    assert harness.worker.has_credit_for(harness.make(tenant="light"))
    harness.send(CREDIT // 2, tenant="light")

    assert not harness.worker.has_credit_for(harness.make(tenant="light"))


def test_a_tenant_waits_for_as_much_of_another_tenant_as_their_weights_say() -> None:
    harness = Harness(shares={"heavy": 3.0})
    harness.send(5 * CREDIT, tenant="heavy")
    harness.send(CREDIT // 4 - 1, tenant="light")
    assert harness.worker.has_credit_for(harness.make(tenant="light"))
    harness.send(1, tenant="light")

    assert not harness.worker.has_credit_for(harness.make(tenant="light"))


def test_short_images_have_credit_until_two_seconds_of_them_wait() -> None:
    harness = Harness(flat_costs(MAX_ROWS, call_s=0.01))
    harness.send(5 * CREDIT)
    assert harness.worker.has_credit_for(harness.make())
    harness.send(40 * CREDIT)

    assert not harness.worker.has_credit_for(harness.make())


def test_outstanding_work_shrinks_with_progress_and_ends(harness: Harness) -> None:
    first, second = harness.send(2)
    whole_s = harness.worker.outstanding_s
    first.fraction_done = 0.5
    assert harness.worker.outstanding_s == pytest.approx(0.75 * whole_s)
    harness.worker.release(first)
    assert harness.worker.outstanding_s == pytest.approx(0.5 * whole_s)

    second.started = True
    harness.worker.take_back()
    assert harness.worker.outstanding_s == 0
    assert (second.worker, second.started, second.fraction_done) == (None, False, 0.0)


def test_the_worker_is_sent_what_it_gets_and_what_it_should_cancel(harness: Harness) -> None:
    (image,) = harness.send(1)
    harness.worker.cancel(image)

    assert harness.link.submitted == ["1"]
    assert harness.link.received[-1] == Cancel("1")
    assert harness.worker.images == [image]


def test_each_worker_learns_its_own_costs(harness: Harness) -> None:
    slow = Harness()
    for _ in range(50):
        slow.worker.learn(make_call(seconds=2.0))
    (plan,) = make_plans([Submit("a", make_params())])

    assert slow.worker.cost.solo_s(plan) > 1.5 * harness.worker.cost.solo_s(plan)


def test_a_call_that_does_not_show_what_it_costs_teaches_nothing(harness: Harness) -> None:
    (plan,) = make_plans([Submit("a", make_params())])
    before_s = harness.worker.cost.solo_s(plan)
    for _ in range(50):
        harness.worker.learn(make_call(seconds=20.0, sound=False))

    assert harness.worker.cost.solo_s(plan) == before_s
