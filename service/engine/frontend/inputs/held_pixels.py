"""Holds the pixels that admitted images start from, once each, as long as an image needs them. Bounds their bytes.

Runs in the server's process. Knows no worker.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from pipelines.interface import InputPixels
from pipelines.params import PixelKey
from service.errors import QueueFullError

_RETRY_S: Final = 5.0


class HeldPixels:
    def __init__(self, max_bytes: float = math.inf) -> None:
        self._max_bytes = max_bytes
        self._pixels: dict[PixelKey, InputPixels] = {}
        self._users: Counter[PixelKey] = Counter()
        """Number of images and of callers in line that need each key."""

    @property
    def total_bytes(self) -> int:
        return sum(len(pixels.pixels) for pixels in self._pixels.values())

    def check_room(self, inputs: Mapping[PixelKey, InputPixels]) -> None:
        """Raises `QueueFullError` where these would exceed the bound. There is always room while nothing is held."""
        more_bytes = sum(len(pixels.pixels) for key, pixels in inputs.items() if key not in self._pixels)
        if self._pixels and more_bytes and self.total_bytes + more_bytes > self._max_bytes:
            raise QueueFullError("Too many images to start from are waiting already.", retry_after_s=_RETRY_S)

    def hold(self, keys: Iterable[PixelKey], inputs: Mapping[PixelKey, InputPixels]) -> dict[PixelKey, InputPixels]:
        """Holds and returns the pixels that one image needs. Images with equal keys share one copy."""
        held = {key: self._pixels.setdefault(key, inputs[key]) for key in keys}
        self._users.update(list(held))
        return held

    def release(self, keys: Iterable[PixelKey]) -> None:
        """Forgets the pixels that `hold` returned to one image, unless another image needs them."""
        for key in set(keys):
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key], self._pixels[key]
