"""Makes the planned images of a command, and shows the progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkroom.cli.backends import Backend
from darkroom.cli.batches.outputs import FORMATS
from darkroom.cli.batches.planning import PlannedImage

if TYPE_CHECKING:
    from darkroom.cli.terminal.progress import Display


@dataclass(frozen=True, slots=True)
class Source:
    """The backend that makes the images, and the model that was asked for."""

    backend: Backend
    is_remote: bool
    model: str | None


def make_images(
    source: Source, images: Sequence[PlannedImage], display: Display, when_made: Callable[[PlannedImage], None]
) -> None:
    """Make the images that are not there yet. Raises `typer.TyperException` for the first failure.

    Ctrl-C cancels what is unfinished, also on the server.
    """
    from darkroom.cli.batches.making import make_all
    from darkroom.cli.failures import explained

    wanted = [image for image in images if not image.is_there]
    if not wanted:
        return
    with explained(), display:
        for image in wanted:
            image.path.parent.mkdir(parents=True, exist_ok=True)
            _complete(image, source)
        connection = source.backend.connect(model=source.model, watch=display)
        asyncio.run(make_all(connection, wanted, display, is_remote=source.is_remote, when_made=when_made))


def _complete(image: PlannedImage, source: Source) -> None:
    """Ask for the format of the image's file. A local backend has loaded the model, and is not asked for it again."""
    params = dict(image.params)
    if not source.is_remote:
        params.pop("model", None)
    image.params = {**params, "output_format": FORMATS[image.path.suffix.lower()]}
