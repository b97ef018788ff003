"""The memory that a benchmark and a simulated device share: the device's speed, and what it has made."""

from __future__ import annotations

import math
import mmap
import struct
import time
from pathlib import Path
from typing import Final

HELD_S: Final = math.inf
"""The seconds of a row of a device that makes nothing until it is released."""
_LOOK_S: Final = 0.01
"""Interval at which a device that is held looks whether it is released."""
_FORMAT: Final = struct.Struct("<dQQ")
"""Seconds of a row, rows made, images made."""


class Control:
    """The memory that a benchmark and one simulated device share. The device alone counts."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _FORMAT.size)

    @classmethod
    def create(cls, path: Path) -> Control:
        """Creates the file for a device that takes no time."""
        path.write_bytes(_FORMAT.pack(0.0, 0, 0))
        return cls(path)

    @property
    def row_s(self) -> float:
        """Seconds that each row of a UNet call takes; `HELD_S` stops the device."""
        return float(_FORMAT.unpack_from(self._memory)[0])

    @row_s.setter
    def row_s(self, seconds: float) -> None:
        struct.pack_into("<d", self._memory, 0, seconds)

    @property
    def rows(self) -> int:
        return int(_FORMAT.unpack_from(self._memory)[1])

    @property
    def images(self) -> int:
        return int(_FORMAT.unpack_from(self._memory)[2])

    def spend(self, rows: float) -> None:
        """Waits as long as a call of so many rows takes, and counts them."""
        while self.row_s == HELD_S:
            time.sleep(_LOOK_S)
        if self.row_s:
            time.sleep(rows * self.row_s)
        struct.pack_into("<Q", self._memory, 8, self.rows + round(rows))

    def count_images(self, images: int) -> None:
        struct.pack_into("<Q", self._memory, 16, self.images + images)
