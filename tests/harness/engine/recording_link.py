"""A worker that only records what it is sent, for tests of the code that sends."""

from __future__ import annotations

from service.engine.interface import Phase
from service.engine.messages import Cancel, Submit, ToWorker


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
