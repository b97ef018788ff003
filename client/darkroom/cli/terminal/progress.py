"""Progress on standard error: bars that move where it is a terminal, and a line now and then where it is not."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from typing_extensions import Self

QUIET_S: Final = 10.0
"""Seconds between two lines about one image. What is faster than that is told by its result alone."""


_STAGES: Final = ""


class Display(Protocol):
    """Shows the progress of a batch. Implements `backends.Watch` and `making.Watch`."""

    def stage(self, text: str) -> None: ...

    def advance(self, image: str, fraction: float) -> None: ...

    def show(self, image: str, label: str, fraction: float, text: str) -> None: ...

    def finish(self, image: str) -> None: ...

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the terminal is free for other output."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def display_for(images: int) -> Display:
    """Return the display for standard error."""
    console = Console(stderr=True)
    return LiveProgress(images, console) if console.is_terminal else PlainProgress(images, sys.stderr, time.monotonic)


class LiveProgress:
    """Implements `Display` with a bar for the whole and one for each image that is being made. Erases them at the end.

    A local backend reports images under names of its own; their bars have numbers, in the order of their first steps.
    """

    def __init__(self, images: int, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        self._console = console
        self._live = self._new_live()
        self._images = images
        self._done = 0
        self._seen = 0
        self._rows: dict[str, TaskID] = {}
        self._fractions: dict[str, float] = {}
        self._total = self._progress.add_task("Starting", total=images, text=f"0 of {images}")

    def stage(self, text: str) -> None:
        self._progress.update(self._total, description=text)

    def advance(self, image: str, fraction: float) -> None:
        if image not in self._rows:
            self._seen += 1
        self.show(image, f"image {self._seen}", fraction, f"{fraction:.0%}")
        if fraction >= 1.0:
            self._progress.update(self._rows[image], visible=False)

    def show(self, image: str, label: str, fraction: float, text: str) -> None:
        if image not in self._rows:
            self._rows[image] = self._progress.add_task(label, total=1.0, text=text)
        self._fractions[image] = fraction
        self._progress.update(self._rows[image], completed=fraction, text=text)
        self._show_total()

    def finish(self, image: str) -> None:
        self._done += 1
        if image in self._rows:
            self._progress.remove_task(self._rows.pop(image))
            self._fractions[image] = 1.0
        self._show_total()

    def _show_total(self) -> None:
        # Not every backend reports fractions. An image that has arrived is done in any case.
        completed = max(self._done, sum(self._fractions.values()))
        done = f"{self._done} of {self._images}"
        self._progress.update(self._total, description="Generating", completed=completed, text=done)

    def _new_live(self) -> Live:
        return Live(
            get_renderable=self._progress.get_renderable,
            console=self._console,
            transient=True,
            # Standard output may be a pipe; rich must not redirect it to the terminal.
            redirect_stdout=False,
        )

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        self._live.stop()
        yield
        # A `Live` that starts again would erase as many lines as it had shown before, which are now other output.
        self._live = self._new_live()
        self._live.start(refresh=True)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()


class PlainProgress:
    """Implements `Display` with a line every `QUIET_S` seconds about each image, and about what goes before."""

    def __init__(self, images: int, file: TextIO, clock: Callable[[], float]) -> None:
        self._images = images
        self._done = 0
        self._file = file
        self._clock = clock
        self._said_s = {_STAGES: clock()}
        """When each image, and the stages, last had a line, or were first heard of."""

    def stage(self, text: str) -> None:
        self._say_at_times(_STAGES, text)

    def advance(self, image: str, fraction: float) -> None:
        self._said_s.setdefault(image, self._clock())
        number = list(self._said_s).index(image)
        self.show(image, f"image {number}", fraction, f"{fraction:.0%}")

    def show(self, image: str, label: str, fraction: float, text: str) -> None:
        self._say_at_times(image, f"{label}: {text} ({self._done} of {self._images} images done)")

    def finish(self, image: str) -> None:
        self._done += 1

    def paused(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def _say_at_times(self, subject: str, text: str) -> None:
        now_s = self._clock()
        if now_s - self._said_s.setdefault(subject, now_s) >= QUIET_S:
            self._said_s[subject] = now_s
            self._file.write(f"{text}\n")
            self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing: the lines stay."""
