"""Previews of unfinished images, side by side above the bars. They are drawn again in place, at a bounded rate."""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from darkroom.cli.terminal import encoders
from darkroom.cli.terminal.detection import Protocol, Screen

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_ROWS: Final = 10
"""Lines of text that the previews take at most."""
_LEAST_ROWS: Final = 4
"""Lines in which an image can be recognized."""
MAX_TILES: Final = 4
"""Images that are shown at a time, where the terminal is wide enough."""
INTERVAL_S: Final = 0.5
"""Least time between two drawings."""
MAX_BYTES_PER_S: Final = 250_000
"""Most bytes a second that are sent to the terminal, which may be at the other end of a slow line."""


def preview_rows(screen: Screen, bars: int) -> int | None:
    """Return the lines that are left for previews above `bars` lines of progress; None where they are too few.

    What is above the top of the screen could not be drawn again.
    """
    rows = min(MAX_ROWS, screen.rows - bars - 1)
    return rows if rows >= _LEAST_ROWS else None


class LivePreviews:
    """The latest preview of each unfinished image.

    `draw` and `erase` expect the cursor at the start of a line: the one below the previews where they are on the
    screen, else the one where they are to begin. Afterwards it is below them, or where they began.
    """

    def __init__(
        self,
        protocol: Protocol,
        screen: Screen,
        rows: int,
        *,
        write: Callable[[str], object],
        clock: Callable[[], float],
    ) -> None:
        """`rows` are the lines to use, and `write` sends text to the terminal at once."""
        self._protocol = protocol
        self._screen = screen
        self._rows = rows
        self._write = write
        self._clock = clock
        self._id = os.getpid()
        """The id of our image in kitty. It differs from those of other programs in the same window."""
        self._contents: dict[str, bytes] = {}
        self._is_drawn = False
        self._is_changed = False
        self._next_s = -math.inf

    @property
    def is_due(self) -> bool:
        """Whether there is something new to draw, and enough time has passed."""
        return self._is_changed and self._clock() >= self._next_s

    def put(self, image: str, content: bytes) -> None:
        """Take the content of an image file as the latest preview of `image`."""
        self._contents[image] = content
        self._is_changed = True

    def drop(self, image: str) -> None:
        """Forget an image, which is finished."""
        if self._contents.pop(image, None) is not None:
            self._is_changed = True

    def draw(self) -> None:
        """Draw the previews in the place of those that are on the screen."""
        strip = self._strip()
        text = self._erasure() + ("" if strip is None else self._drawing(strip))
        self._write(text)
        self._is_drawn = strip is not None
        self._is_changed = False
        self._next_s = self._clock() + max(INTERVAL_S, len(text) / MAX_BYTES_PER_S)

    def erase(self) -> None:
        """Take the previews off the screen, so that other text can be written. The next drawing shows them again."""
        if self._is_drawn:
            self._write(self._erasure())
            self._is_drawn = False
            self._is_changed = True

    def _erasure(self) -> str:
        if not self._is_drawn:
            return ""
        deletion = encoders.kitty_deletion(self._id) if self._protocol is Protocol.KITTY else ""
        return f"{deletion}\x1b[{self._rows}A\x1b[J"

    def _drawing(self, strip: Image) -> str:
        """Return the sequence that makes room and draws the strip. Terminals leave the cursor in different places."""
        room = "\n" * self._rows + f"\x1b[{self._rows}A"
        return f"{room}\x1b7{self._encoded(strip)}\x1b8\x1b[{self._rows}B"

    def _encoded(self, strip: Image) -> str:
        match self._protocol:
            case Protocol.KITTY:
                columns = math.ceil(strip.width / self._screen.cell_width)
                return encoders.kitty(strip, encoders.Placement(self._id, columns, self._rows))
            case Protocol.ITERM2:
                return encoders.iterm2(strip, rows=self._rows)
            case Protocol.SIXEL:
                return encoders.sixel(strip)

    def _strip(self) -> Image | None:
        """Return the first previews side by side, as many as find room; None where there is none."""
        from PIL import Image

        side = self._rows * self._screen.cell_height
        step = side + self._screen.cell_width
        room = max(1, min(MAX_TILES, self._screen.columns * self._screen.cell_width // step))
        tiles = [tile for tile in map(_opened, [*self._contents.values()][:room]) if tile is not None]
        if not tiles:
            return None
        strip = Image.new("RGBA", (len(tiles) * step - self._screen.cell_width, side))
        for index, tile in enumerate(tiles):
            scale = min(side / tile.width, side / tile.height)
            size = max(1, round(tile.width * scale)), max(1, round(tile.height * scale))
            strip.paste(tile.resize(size), (index * step, 0))
        return strip


def _opened(content: bytes) -> Image | None:
    """Return a preview, or None where it cannot be read, for which no batch should fail."""
    from PIL import Image

    with contextlib.suppress(OSError), Image.open(io.BytesIO(content)) as image:
        converted: Image.Image = image.convert("RGB")
        return converted
    return None
