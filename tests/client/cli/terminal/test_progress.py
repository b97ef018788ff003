"""The progress bar: its text, and the outputs that get none."""

from __future__ import annotations

import io

from rich.console import Console

from darkroom.cli.progress import ProgressBar


def shown(*, is_terminal: bool) -> str:
    """Return what is written for two images, of which one finishes."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=is_terminal, width=100, color_system=None)
    with ProgressBar(2, console) as progress:
        progress.stage("Loading the model")
        progress.advance("first", 0.5)
        progress.finish_one()
    return file.getvalue()


def test_the_bar_counts_finished_images() -> None:
    assert "1 of 2" in shown(is_terminal=True)


def test_nothing_is_written_to_a_file_or_pipe() -> None:
    assert shown(is_terminal=False).strip() == ""
