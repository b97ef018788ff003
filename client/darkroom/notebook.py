"""Shows a job in a Jupyter notebook: its state, a bar, previews that sharpen, and then its images.

`JobCard` makes the HTML and knows nothing of IPython; `Display` shows it.
"""

from __future__ import annotations

import base64
import html
import importlib
from typing import TYPE_CHECKING, Any, Final

from darkroom.results import files
from darkroom.results.events import JobEvent, PreviewReady

if TYPE_CHECKING:
    from darkroom._core.views import JobView

TILE_PIXELS: Final = 160
"""Width of an image. Its height is in proportion."""


class JobCard:
    """A job as HTML. The text of prompts and errors is escaped."""

    def __init__(self, job: JobView) -> None:
        self._job = job
        self._tiles: dict[int, str] = {}

    def update(self, event: JobEvent[Any]) -> None:
        """Note an event, which the job's handle has noted already."""
        if isinstance(event, PreviewReady):
            self.put(event.index, event.content)

    def put(self, index: int, content: bytes) -> None:
        """Show the content of an image file as the image, or as its preview."""
        self._tiles[index] = f"data:{files.mime_of(content)};base64,{base64.b64encode(content).decode('ascii')}"

    def render(self) -> str:
        """Return the HTML."""
        job = self._job
        fraction = 1.0 if job.status == "succeeded" else job.progress.fraction
        shown = [index for index in range(len(job.seeds)) if index in self._tiles or not job.ended]
        tiles = "".join(map(self._tile, shown))
        return (
            '<div class="darkroom-job">'
            f"<div><strong>{html.escape(job.id)}</strong> {html.escape(self._state())}</div>"
            f'<progress max="1" value="{fraction:.4f}" style="width:100%;max-width:40em"></progress>'
            f'<div style="display:flex;flex-wrap:wrap;gap:8px">{tiles}</div>'
            "</div>"
        )

    def _state(self) -> str:
        """Describe the state of the job in a few words."""
        job, progress = self._job, self._job.progress
        words: list[str] = [job.status]
        if job.error is not None:
            words.append(job.error.message)
        if not job.ended and progress.loading_s is not None:
            words.append(f"loading the model, about {progress.loading_s:.0f} s")
        if job.status == "queued" and job.queue_position:
            words.append(f"{job.queue_position} before it")
        if job.status == "running":
            words.append(f"step {progress.step} of {progress.steps}")
        if not job.ended and job.eta_s is not None:
            words.append(f"about {job.eta_s:.0f} s left")
        return " · ".join(words)

    def _tile(self, index: int) -> str:
        """Return an image, or a place for it. An ended job has no place for what it did not make."""
        prompt = html.escape(self._job.request.prompts[index])
        source = self._tiles.get(index)
        settings = self._job.request.settings
        ratio = f"{settings.get('width', 1)}/{settings.get('height', 1)}"
        # A notebook's own style would set images into the line, with a gap below.
        style = f"display:block;margin:0;width:{TILE_PIXELS}px;aspect-ratio:{ratio};object-fit:contain;background:#8883"
        shown = f'<div style="{style}"></div>'
        if source is not None:
            shown = f'<img src="{source}" alt="{prompt}" title="{prompt}" style="{style}">'
        return f'<figure style="margin:0">{shown}<figcaption>seed {self._job.seeds[index]}</figcaption></figure>'


class Display:
    """A card in the output of a cell, which is updated in place."""

    def __init__(self, card: JobCard) -> None:
        """Raises `ImportError` without IPython, which the extra `notebook` installs."""
        try:
            # Its functions have no types.
            self._ipython: Any = importlib.import_module("IPython.display")
        except ImportError as error:
            raise ImportError("show() needs a notebook. Install it: pip install 'darkroom-client[notebook]'") from error
        self._card = card
        self._handle = self._ipython.display(self._ipython.HTML(card.render()), display_id=True)

    def update(self) -> None:
        """Show the card as it is now."""
        self._handle.update(self._ipython.HTML(self._card.render()))
