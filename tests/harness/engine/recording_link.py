"""A worker that only records what it is sent, for tests of the code that sends."""

from __future__ import annotations

from collections.abc import Collection

from service.engine import messages
from service.engine.config import WorkerConfig
from service.engine.frontend.admission import DrainSpeed
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.dispatcher import Dispatcher
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.interface import Phase
from service.engine.messages import Cancel, Submit, ToWorker
from tests.harness.engine.handles import make_plans
from tests.harness.engine.worker_harness import Clock, make_params


class RecordingLink:
    """Implements `device_worker.WorkerLink`."""

    def __init__(self) -> None:
        self.phase = Phase.SERVING
        self.received: list[ToWorker] = []

    def send(self, message: ToWorker) -> None:
        self.received.append(message)

    @property
    def submitted(self) -> list[str]:
        """The ids of the images that were submitted, in order."""
        return [message.image_id for message in self.received if isinstance(message, Submit)]

    @property
    def canceled(self) -> list[str]:
        """The ids of the images that were canceled, in order."""
        return [message.image_id for message in self.received if isinstance(message, Cancel)]


IMAGE_BYTES = 3 * make_params().width * make_params().height


class DispatcherHarness:
    """A dispatcher whose workers record what they are sent."""

    def __init__(self, devices: int = 1, *, max_unread_images: int = 1000) -> None:
        self.links = [RecordingLink() for _ in range(devices)]
        config = WorkerConfig(model="fake")
        self.workers = [DeviceWorker(index, link, config) for index, link in enumerate(self.links)]
        self.in_flight = InFlightImages()
        self.clock = Clock()
        self.unread = UnreadImages(max_unread_images * IMAGE_BYTES)
        self.dispatcher = Dispatcher(self.in_flight, self.workers, DrainSpeed(), self.unread, self.clock)

    @property
    def link(self) -> RecordingLink:
        """The only worker's link."""
        (link,) = self.links
        return link

    def die(self, called: Collection[str] = (), *, worker: int = 0) -> None:
        """Replaces a worker that died while calls of these images were under way."""
        self.links[worker].received.clear()
        self.dispatcher.worker_died(self.workers[worker], called)

    def submit(
        self, *image_ids: str, deadline_s: float | None = None, log_ids: dict[str, str] | None = None
    ) -> LocalJob:
        """Admits one job with these images and dispatches it."""
        job = LocalJob(
            "job",
            max_buffered=32,
            unread=self.unread,
            on_cancel=self.dispatcher.cancel,
            on_read=self.dispatcher.dispatch,
        )
        submits = [
            messages.Submit(image_id, make_params(), deadline_s=deadline_s, log_ids=log_ids or {})
            for image_id in image_ids
        ]
        self.in_flight.add_job(job, submits, make_plans(submits), [1.0] * len(submits), now_s=self.clock())
        self.dispatcher.dispatch()
        return job

    def apply(self, *received: messages.ImageMessage) -> None:
        for message in received:
            self.dispatcher.apply(message)
