"""Progress on standard error: bars that move where it is a terminal, and a line now and then where it is not.

Where a terminal shows images, previews of the unfinished ones are above the bars.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Final, Protocol, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from typing_extensions import Self

from darkroom.cli.batches.making import MAX_REQUESTS
from darkroom.cli.terminal import detection
from darkroom.cli.terminal.live_previews import LivePreviews, preview_rows

QUIET_S: Final = 10.0
"""Seconds between two lines about one image. An image that takes less has no line but that of its result."""


_STAGES: Final = ""
_NO_LABELS: Final[Mapping[str, str]] = {}
_BEGIN_UPDATE: Final = "\x1b[?2026h"
"""Synchronized output: a terminal that knows this mode shows nothing until its end, so that nothing flickers."""
_END_UPDATE: Final = "\x1b[?2026l"


class Display(Protocol):
    """Shows the progress of a batch. Implements `making.Watch`."""

    @property
    def wants_previews(self) -> bool: ...

    def stage(self, text: str) -> None: ...

    def show(self, image: str, fraction: float, text: str) -> None: ...

    def preview(self, image: str, content: bytes) -> None: ...

    def finish(self, image: str) -> None: ...

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the terminal is free for other output."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


def display_for(
    images: int, labels: Mapping[str, str] = _NO_LABELS, protocol: detection.Protocol | None = None
) -> Display:
    """Return the display for standard error. `labels` maps names of images to labels; others are shown by name.

    Previews are shown by `protocol`, where it is not None and all output goes to a terminal with room for them.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        return PlainProgress(images, labels, sys.stderr, time.monotonic)
    shows = protocol is not None and sys.stdout.isatty() and sys.stderr.isatty() and not console.is_dumb_terminal
    return LiveProgress(images, labels, console, _previews(images, protocol) if shows and protocol else None)


def _previews(images: int, protocol: detection.Protocol) -> LivePreviews | None:
    screen = detection.measure(sys.stderr.fileno())
    rows = preview_rows(screen, bars=1 + min(images, MAX_REQUESTS))
    if rows is None:
        return None
    return LivePreviews(protocol, screen, rows, write=_write_at_once, clock=time.monotonic)


def _write_at_once(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


class LiveProgress:
    """Implements `Display` with a bar for the whole and one for each image that is being made. Erases them at the end.

    `previews` are above the bars. They are drawn while the bars are away: rich would erase them whenever a bar moves.
    """

    def __init__(
        self, images: int, labels: Mapping[str, str], console: Console, previews: LivePreviews | None = None
    ) -> None:
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
        self._labels = labels
        self._previews = previews
        self._done = 0
        self._rows: dict[str, TaskID] = {}
        self._fractions: dict[str, float] = {}
        self._total = self._progress.add_task("Starting", total=images, text=f"0 of {images}")

    def stage(self, text: str) -> None:
        self._progress.update(self._total, description=text)

    @property
    def wants_previews(self) -> bool:
        return self._previews is not None

    def show(self, image: str, fraction: float, text: str) -> None:
        if image not in self._rows:
            self._rows[image] = self._progress.add_task(self._labels.get(image, image), total=1.0, text=text)
        self._fractions[image] = fraction
        self._progress.update(self._rows[image], completed=fraction, text=text)
        self._show_total()
        self._draw_previews()

    def preview(self, image: str, content: bytes) -> None:
        if self._previews is not None:
            self._previews.put(image, content)
            self._draw_previews()

    def _draw_previews(self) -> None:
        if self._previews is not None and self._previews.is_due and self._live.is_started:
            self._console.file.write(_BEGIN_UPDATE)
            with self._without_bars():
                self._previews.draw()
            self._console.file.write(_END_UPDATE)
            self._console.file.flush()

    def finish(self, image: str) -> None:
        self._done += 1
        if self._previews is not None:
            self._previews.drop(image)
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
        with self._without_bars():
            self._erase_previews()
            yield
        self._draw_previews()

    def _erase_previews(self) -> None:
        if self._previews is not None:
            self._previews.erase()

    @contextlib.contextmanager
    def _without_bars(self) -> Iterator[None]:
        was_shown = self._live.is_started
        self._live.stop()
        yield
        if not was_shown:
            return
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
        self._erase_previews()


class PlainProgress:
    """Implements `Display` with a line every `QUIET_S` seconds about each image, and about what goes before."""

    def __init__(self, images: int, labels: Mapping[str, str], file: TextIO, clock: Callable[[], float]) -> None:
        self._images = images
        self._labels = labels
        self._done = 0
        self._file = file
        self._clock = clock
        self._said_s = {_STAGES: clock()}
        """For each image, and for the stages, the time of the last line, or else of the first report."""

    def stage(self, text: str) -> None:
        self._say_at_times(_STAGES, text)

    @property
    def wants_previews(self) -> bool:
        return False

    def show(self, image: str, fraction: float, text: str) -> None:
        label = self._labels.get(image, image)
        self._say_at_times(image, f"{label}: {text} ({self._done} of {self._images} images done)")

    def preview(self, image: str, content: bytes) -> None:
        """Show nothing: a line of text cannot."""

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
