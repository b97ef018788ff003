"""The progress bar: how many images are done. It is shown on standard error, if that is a terminal."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typing_extensions import Self


class ProgressBar:
    """Implements `backends.Watch`. Its context shows the bar and erases it at the end."""

    def __init__(self, images: int, console: Console | None = None) -> None:
        console = console or Console(stderr=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[done]} of {task.total:.0f}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
            # Standard output may be a pipe; rich must not redirect it to the terminal.
            redirect_stdout=False,
        )
        self._fractions: dict[str, float] = {}
        self._done = 0
        self._task = self._progress.add_task("Generating", total=images, done=0)

    def stage(self, text: str) -> None:
        self._progress.update(self._task, description=text)

    def advance(self, image: str, fraction: float) -> None:
        self._fractions[image] = fraction
        self._show()

    def finish_one(self) -> None:
        """Count an image that has arrived."""
        self._done += 1
        self._show()

    def _show(self) -> None:
        # Not every backend reports fractions. An image that has arrived is done in any case.
        completed = max(self._done, sum(self._fractions.values()))
        self._progress.update(self._task, description="Generating", completed=completed, done=self._done)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()
