"""Reports the events of a job to a user or to another program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from darkroom.cli.batches.making import progress_text
from darkroom.results.events import ImageReady, JobEnded, JobFailed, PreviewReady, ProgressMade, StatusChanged

if TYPE_CHECKING:
    from darkroom import Job, JobEvent, JobImage
    from darkroom.cli.terminal.progress import Display

_SUFFIXES: Final = {"image/png": ".png", "image/webp": ".webp", "image/jpeg": ".jpg"}


class JobReporter:
    """Saves each finished image into `folder`, where one is given, and prints a line about it unless `is_quiet`."""

    def __init__(self, job: Job, display: Display, folder: Path | None, *, is_quiet: bool) -> None:
        self._job = job
        self._display = display
        self._folder = folder
        self._is_quiet = is_quiet

    def tell(self, event: JobEvent[JobImage]) -> None:
        """Show an event. Raises `OSError` for an image that cannot be saved."""
        match event:
            case ImageReady(image=image):
                self._display.finish(image.url)
                place = image.url if self._folder is None else str(save(image, self._job.id, self._folder))
                if not self._is_quiet:
                    with self._display.paused():
                        typer.echo(f"{place}  (seed {image.seed})")
            case ProgressMade():
                self._show(event.fraction, progress_text(event))
            case StatusChanged():
                self._show(self._job.progress.fraction, event.status)
            case _:
                pass

    def _show(self, fraction: float, text: str) -> None:
        self._display.show(self._job.id, fraction, text)


def save(image: JobImage, job_id: str, folder: Path) -> Path:
    """Save an image of a job under a name that no other image has. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    return image.save(folder / f"{job_id}-{image.index}{_SUFFIXES.get(image.record.mime, '')}")


def event_line(event: JobEvent[JobImage]) -> str:
    """Return an event as a line of JSON: its type, and the fields that the server sent."""
    return json.dumps(_fields(event), ensure_ascii=False)


def _fields(event: JobEvent[JobImage]) -> dict[str, Any]:
    match event:
        case ImageReady(image=image):
            return {"type": "image", **image.record.model_dump(mode="json")}
        case JobEnded(job=job):
            return {"type": "done", **job.model_dump(mode="json")}
        case PreviewReady():
            return {"type": "preview", **event.model_dump(mode="json", exclude={"content"})}
        case StatusChanged():
            return {"type": "status", **event.model_dump(mode="json")}
        case ProgressMade():
            return {"type": "progress", **event.model_dump(mode="json")}
        case JobFailed():
            return {"type": "failed", **event.model_dump(mode="json")}
