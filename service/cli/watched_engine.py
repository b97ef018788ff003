"""An engine in the process of `darkroom generate` that reports each image's progress to the command."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final, Unpack

from PIL import Image

from darkroom.cli.backends import IMAGE_NAME, Watch
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.config import EngineConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.frontend.local_job import LocalJob
from service.engine.interface import JobOptions

PREVIEWS: Final = 10
"""Number of previews of an image, if they are wanted: the most that a server makes."""


class WatchedEngine(LocalEngine):
    """A `LocalEngine` whose jobs have one image each, which `IMAGE_NAME` names in the context of the submission."""

    def __init__(self, config: EngineConfig, watch: Watch, *, command: Sequence[str]) -> None:
        super().__init__(config, command=command, observe=self._tell)
        self._watch = watch
        self._names: dict[str, str] = {}
        """Names of images, by the ids of their jobs."""

    async def submit_in_line(self, images: Sequence[GenerationParams], **options: Unpack[JobOptions]) -> LocalJob:
        if self._watch.wants_previews:
            options["previews"] = PREVIEWS
        job = await super().submit_in_line(images, **options)
        self._names[job.id] = IMAGE_NAME.get(job.id)
        return job

    def _tell(self, message: messages.FromWorker, _: int) -> None:
        match message:
            case messages.Loading(activity=activity) if activity:
                self._watch.stage(f"{activity[0].upper()}{activity[1:]}")
            case messages.Progress() if name := self._name(message.image_id):
                text = f"step {message.step} of {message.steps}, {message.eta_s:.0f} s left"
                self._watch.show(name, message.step / message.steps, text)
            case messages.Preview() if name := self._name(message.image_id):
                self._watch.preview(name, _png(message))
            case _:
                pass

    def _name(self, image_id: str) -> str | None:
        """Returns the name of an image by its id, which begins with its job's; None before the job is known here."""
        return self._names.get(image_id.rpartition(".")[0])


def _png(preview: messages.Preview) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (preview.width, preview.height), preview.pixels).save(file, format="png", compress_level=1)
    return file.getvalue()
