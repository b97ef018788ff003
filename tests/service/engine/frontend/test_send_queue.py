"""Workers get images in order, each from the worker's share, and the others wait."""

from __future__ import annotations

from service.engine.config import WorkerConfig
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from service.engine.frontend.local_job import UnreadImages
from service.engine.frontend.send_queue import SendQueue
from service.engine.interface import Phase
from service.engine.messages import Submit
from tests.harness.engine.handles import make_handle, make_plans, make_ready
from tests.harness.engine.recording_link import RecordingLink
from tests.harness.engine.worker_harness import flat_costs, make_params

MAX_ROWS = 4
CREDIT = 8
"""Images that may wait in each of these workers."""
CALL_S = 1.0
IMAGE_BYTES = 3 * make_params().width * make_params().height
UNREAD_IMAGES = 4


class Harness:
    """A queue before workers, of which each makes a call in the given time."""

    def __init__(self, *calls_s: float) -> None:
        self.links = [RecordingLink() for _ in calls_s]
        config = WorkerConfig(model="fake", max_rows=MAX_ROWS)
        self.workers = [DeviceWorker(index, link, config) for index, link in enumerate(self.links)]
        for worker, call_s in zip(self.workers, calls_s, strict=True):
            worker.serve(make_ready(flat_costs(MAX_ROWS, call_s)))
        self.in_flight = InFlightImages()
        self.unread = UnreadImages(UNREAD_IMAGES * IMAGE_BYTES)
        self.queue = SendQueue(self.in_flight, self.workers, self.unread)
        self.added = 0

    def add(self, count: int, *, tenant: str = "", deadline_s: float | None = None) -> list[InFlightImage]:
        for _ in range(count):
            self.added += 1
            job = make_handle(str(self.added), self.unread)
            submit = Submit(f"{tenant}{self.added}", make_params(), tenant=tenant, deadline_s=deadline_s)
            self.in_flight.add_job(job, [submit], make_plans([submit]), [1.0], now_s=float(self.added))
        return self.in_flight.unsent[-count:]

    def add_job(self, count: int) -> list[InFlightImage]:
        """Adds one job of several images."""
        self.added += 1
        submits = [Submit(f"{self.added}.{index}", make_params()) for index in range(count)]
        self.in_flight.add_job(
            make_handle(str(self.added), self.unread), submits, make_plans(submits), [1.0] * count, now_s=0.0
        )
        return self.in_flight.unsent[-count:]

    def send(self) -> list[int]:
        """Sends what may be sent. Returns how many images each worker has been sent."""
        for image, worker in self.queue.placements():
            worker.submit(image, 0.0)
        return [len(link.submitted) for link in self.links]


def test_images_go_where_the_least_work_is() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.add(5)

    assert harness.send() == [3, 2]
    assert harness.links[0].submitted == ["1", "3", "5"]


def test_a_device_gets_work_in_proportion_to_its_speed() -> None:
    harness = Harness(CALL_S, 3 * CALL_S)
    harness.add(8)

    assert harness.send() == [6, 2]


def test_images_wait_for_whichever_device_is_free_first() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.add(3 * CREDIT)
    assert harness.send() == [CREDIT, CREDIT]
    assert len(harness.in_flight.unsent) == CREDIT

    for image in harness.workers[1].images:
        image.started = True
    assert harness.send() == [CREDIT, 2 * CREDIT]


def test_a_job_that_is_not_read_waits_and_nobody_waits_for_it() -> None:
    harness = Harness(CALL_S)
    unread, read = harness.add_job(3), harness.add_job(3)
    assert harness.send() == [4], "two images of each job have room in half of the bound"
    for job, image in ((unread, unread[0]), (read, read[0])):
        harness.workers[0].release(image)
        harness.in_flight.remove(image)
        harness.unread.add(job[0].job.handle, IMAGE_BYTES)
    assert harness.send() == [4]

    harness.unread.take(read[0].job.handle, IMAGE_BYTES)
    harness.workers[0].release(read[1])
    harness.in_flight.remove(read[1])
    assert harness.send() == [5]
    assert harness.links[0].submitted[-1] == read[2].submit.image_id


def test_nothing_waits_before_the_only_device_that_is_left() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.links[0].phase = Phase.FAILED
    harness.add(5 * CREDIT)

    assert harness.send() == [0, 5 * CREDIT]


def test_a_tenant_does_not_wait_behind_another_ones_images() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.add(5 * CREDIT, tenant="heavy")
    harness.send()
    light = harness.add(4, tenant="light")
    harness.send()

    assert {image.worker for image in light} == {0, 1}


def test_the_images_of_one_tenant_leave_in_order_of_virtual_deadline() -> None:
    harness = Harness(CALL_S, CALL_S)
    later, sooner = harness.add(2)
    later.virtual_deadline_s, sooner.virtual_deadline_s = 20.0, 10.0

    assert [image for image, _ in harness.queue.placements()] == [sooner, later]


def test_a_silent_worker_gets_images_only_where_no_other_one_serves() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.links[0].phase = Phase.STALLED
    harness.add(2)
    assert harness.send() == [0, 2]

    harness.links[1].phase = Phase.STALLED
    harness.add(2)
    assert harness.send() == [2, 2]


def test_nothing_is_sent_while_no_worker_can_take_it() -> None:
    harness = Harness(CALL_S, CALL_S)
    harness.links[0].phase, harness.links[1].phase = Phase.RESTARTING, Phase.LOADING
    harness.add(2)

    assert harness.send() == [0, 0]


def test_a_suspect_waits_for_its_device_without_holding_up_others_unless_the_device_is_lost() -> None:
    harness = Harness(CALL_S, CALL_S)
    suspect, _ = harness.add(2)
    suspect.confined_to = 0
    harness.links[0].phase = Phase.RESTARTING
    assert harness.send() == [0, 1]

    harness.links[0].phase = Phase.FAILED
    assert harness.send() == [0, 2]


def test_an_unsent_image_expires_when_even_the_fastest_device_would_be_late() -> None:
    harness = Harness(CALL_S, 3 * CALL_S)
    (image,) = harness.add(1, deadline_s=60.0)
    harness.add(1)
    latest_s = 1.0 + 60.0 - harness.workers[0].cost.solo_s(image.plan)

    assert harness.queue.next_expiry_s() == latest_s
    assert harness.queue.expired(latest_s) == []
    assert harness.queue.expired(latest_s + 0.001) == [image]
