"""Prints the images of a batch as they are finished, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from darkroom.cli.batches.planning import PlannedImage, summary
from darkroom.cli.terminal.detection import Protocol
from darkroom.cli.terminal.previews import preview_text
from darkroom.cli.terminal.progress import Display


class Results:
    """Prints a line for each image, and the image itself where `protocol` is given. `is_quiet` prints nothing."""

    def __init__(
        self, images: Sequence[PlannedImage], display: Display, protocol: Protocol | None, *, is_quiet: bool
    ) -> None:
        self._waiting = [] if is_quiet else list(images)
        self._display = display
        self._protocol = protocol

    def when_made(self, _: PlannedImage) -> None:
        """Print the finished images, up to the first unfinished one."""
        while self._waiting and self._waiting[0].is_there:
            self._print(self._waiting.pop(0))

    def print_rest(self) -> None:
        """Print the finished images that come after one that will not be finished."""
        for image in self._waiting:
            self._print(image)
        self._waiting = []

    def _print(self, image: PlannedImage) -> None:
        if image.made is None:
            return
        with self._display.paused():
            typer.echo(summary(image))
            if self._protocol is not None:
                typer.echo(preview_text(image.path, self._protocol), nl=False)
