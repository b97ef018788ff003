"""The pixels that one worker has: sent before the first image that needs them, forgotten after the last one.

Runs in the server's process. Messages arrive in order: the worker has what it was sent until it is told to forget it.
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
        """Number of the worker's images that need each of them."""

    def need(self, inputs: Mapping[PixelKey, InputPixels]) -> None:
        """Sends what an image needs and the worker does not have. Call it before the image is sent."""
        for key, pixels in inputs.items():
            if key not in self._users:
                self._send(Input(*key, pixels.channels, pixels.pixels))
            self._users[key] += 1

    def release(self, keys: Iterable[PixelKey]) -> None:
        """Tells the worker to forget what only an image that has ended needed."""
        for key in keys:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                self._send(Forget(*key))

    def lose(self) -> None:
        """Call it when the worker has ended: what it had is gone."""
        self._users.clear()
