"""Stores the pixels of uploads as long as an image may need them, and caches their encodings.

Runs in the worker's process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence

from pipelines.interface import EncodedInput, InputPixels
from pipelines.params import PixelKey


class PixelStore:
    """The pixels that the frontend has sent and not yet told to forget."""

    def __init__(self) -> None:
        self._pixels: dict[PixelKey, InputPixels] = {}

    def add(self, key: PixelKey, pixels: InputPixels) -> None:
        self._pixels[key] = pixels

    def forget(self, key: PixelKey) -> None:
        """Drops pixels that no image needs any more."""
        self._pixels.pop(key, None)

    def find(self, keys: Sequence[PixelKey]) -> list[InputPixels]:
        """Returns the pixels of these keys. Raises KeyError where the frontend has not sent some of them."""
        return [self._pixels[key] for key in keys]


class EncodedCache:
    """Keeps the encoded inputs that were used most recently, up to a number of bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._known: OrderedDict[Hashable, EncodedInput] = OrderedDict()

    def find(self, key: Hashable) -> EncodedInput | None:
        """Returns the encoded input of the key, if it is kept, and makes it the most recently used."""
        if key in self._known:
            self._known.move_to_end(key)
        return self._known.get(key)

    def clear(self) -> None:
        """Drops everything."""
        self._known.clear()
        self._bytes = 0

    def add(self, key: Hashable, encoded: EncodedInput) -> None:
        """Keeps an encoded input that fits in the bound, and drops the least recently used ones."""
        if encoded.nbytes > self._max_bytes:
            return
        known = self._known.pop(key, None)
        self._bytes += encoded.nbytes - (0 if known is None else known.nbytes)
        self._known[key] = encoded
        while self._bytes > self._max_bytes:
            self._bytes -= self._known.popitem(last=False)[1].nbytes
