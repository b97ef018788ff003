"""A request for images that is being answered: its progress, and its end before it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from pipelines.work_plan import total_steps
from service.engine.interface import ImageEvent, ImageFinished, ImagePreview, ImageProgress, ImageStarted

_TIMESTAMP: Final = "%Y%m%d%H%M%S"
"""The web UI's format of the time at which a request began."""


class Call:
    """All methods belong to one event loop."""

    def __init__(
        self,
        images: Sequence[GenerationParams],
        *,
        batch_size: int,
        batches: int,
        task_id: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.task_id: Final = task_id
        self.batches: Final = batches
        self.begun: Final = time.strftime(_TIMESTAMP)
        self.has_started = False
        """Whether the engine has begun an image."""
        self.interrupted = False
        self.skipped = False
        self.preview: RgbImage | None = None
        self.previews = 0
        """Previews so far."""
        self._first = images[0]
        self._batch_size = batch_size
        self._steps = total_steps(images[0])
        self._done = [0] * len(images)
        self._finished = 0
        self._ends_s: dict[int, float] = {}
        self._clock = clock
        self._work: asyncio.Future[None] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its images."""
        return self._first.width, self._first.height

    @property
    def progress(self) -> float:
        """The share of the steps that are made."""
        return sum(self._done) / (self._steps * len(self._done))

    @property
    def eta_s(self) -> float:
        """Estimated seconds until the last image is finished; 0 while nobody knows."""
        return max(0.0, max(self._ends_s.values(), default=0.0) - self._clock())

    @property
    def batch(self) -> int:
        """The 0-based number of the batch that is being made."""
        return min(self._finished // self._batch_size, self.batches - 1)

    @property
    def step(self) -> int:
        """Steps that are made of the unfinished image which is furthest."""
        return max((done for done in self._done if done < self._steps), default=self._steps)

    @property
    def steps(self) -> int:
        """Steps of each image."""
        return self._steps

    def follow(self, event: ImageEvent) -> None:
        match event:
            case ImageStarted():
                self.has_started = True
            case ImageProgress():
                self._done[event.index] = min(event.step, self._steps)
                self._ends_s[event.index] = self._clock() + event.eta_s
            case ImagePreview():
                self.preview, self.previews = event.rgb_image, self.previews + 1
            case ImageFinished():
                self._done[event.index] = self._steps
                self._finished += 1

    def interrupt(self, *, skips: bool = False) -> None:
        """Ends the work, which leaves what is finished."""
        self.interrupted, self.skipped = not skips, skips
        if self._work is not None:
            self._work.cancel()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Returns when the work is done or was interrupted. Raises what it raises."""
        self._work = asyncio.ensure_future(work)
        try:
            await asyncio.wait({self._work})
        finally:
            self._work.cancel()
        if not self._work.cancelled():
            self._work.result()
