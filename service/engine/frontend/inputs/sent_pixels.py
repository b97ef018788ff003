"""Sends pixels to one worker before the first image that needs them, and has them forgotten after the last one.

Runs in the server's process. Messages arrive in order: the worker has the pixels that it was sent until it is told to
forget them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.engine.messages import Forget, Input, ToWorker


class SentPixels:
    def __init__(self, send: Callable[[ToWorker], object]) -> None:
        self._send = send
        self._users: Counter[PixelKey] = Counter()
        """Number of the worker's images that need each key."""

    def need(self, inputs: Mapping[PixelKey, InputPixels]) -> None:
        """Sends the pixels that an image needs and the worker lacks. Call it before the image is sent."""
        for key, pixels in inputs.items():
            if key not in self._users:
                self._send(Input(*key, pixels.channels, pixels.pixels))
            self._users[key] += 1

    def release(self, keys: Iterable[PixelKey]) -> None:
        """Tells the worker to forget the pixels that only an ended image needed."""
        for key in keys:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                self._send(Forget(*key))

    def lose(self) -> None:
        """Forgets what the worker had, after it has ended."""
        self._users.clear()
