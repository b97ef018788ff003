"""Images as escape sequences of terminals. Pure functions: each returns the text to write.

Sources: kitty's graphics protocol (sw.kovidgoyal.net/kitty/graphics-protocol), iTerm2's inline images protocol
(iterm2.com/documentation-images.html), and DEC's sixels (VT330/VT340 Programmer Reference Manual, chapter 14).
"""

from __future__ import annotations

import base64
import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

_KITTY_CHUNK: Final = 4096
"""Most characters of base64 in one escape sequence."""
_SIXEL_ROWS: Final = 6
_SIXEL_ZERO: Final = 63
"""The character of six pixels that are all off."""
_MAX_COLORS: Final = 255
_TRANSPARENT: Final = 255
"""Stands for the color of pixels that are not drawn."""


def png_of(image: Image) -> bytes:
    """Return the content of a PNG file."""
    file = io.BytesIO()
    image.save(file, format="png")
    return file.getvalue()


@dataclass(frozen=True, slots=True)
class Placement:
    """The cells that an image in kitty covers. It takes the place of an earlier one with the same id."""

    image_id: int
    columns: int
    rows: int


def kitty(image: Image, placement: Placement | None = None) -> str:
    """Return the image as kitty, Ghostty and Konsole show it. They are asked not to reply.

    It begins at the cursor, which stays there where a placement is given, and else goes behind the image.
    """
    text = base64.b64encode(png_of(image)).decode("ascii")
    chunks = [text[start : start + _KITTY_CHUNK] for start in range(0, len(text), _KITTY_CHUNK)]
    place = placement and f",i={placement.image_id},c={placement.columns},r={placement.rows},C=1"
    controls = [f"a=T,f=100,q=2{place or ''}", *[""] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    return "".join(
        f"\x1b_G{','.join(part for part in (control, f'm={is_more}') if part)};{chunk}\x1b\\"
        for control, is_more, chunk in zip(controls, more, chunks, strict=True)
    )


def kitty_deletion(image_id: int) -> str:
    """Return the sequence that removes the image with this id."""
    return f"\x1b_Ga=d,d=I,i={image_id},q=2\x1b\\"


def iterm2(image: Image, *, rows: int | None = None) -> str:
    """Return the image as iTerm2, WezTerm and mintty show it, in `rows` lines or in its own size."""
    content = png_of(image)
    height = "" if rows is None else f";height={rows}"
    return f"\x1b]1337;File=inline=1;size={len(content)}{height}:{base64.b64encode(content).decode('ascii')}\x07"


def sixel(image: Image) -> str:
    """Return the image as sixels, of at most 255 colors. Nothing is drawn where the image is transparent."""
    indexed = image.convert("RGB").quantize(_MAX_COLORS)
    if image.mode == "RGBA":
        indexed.paste(_TRANSPARENT, mask=image.getchannel("A").point(lambda alpha: 0 if alpha else 255))
    width, height = indexed.size
    pixels = indexed.tobytes()
    bands = (pixels[start : start + width * _SIXEL_ROWS] for start in range(0, len(pixels), width * _SIXEL_ROWS))
    body = "-".join(_band(band, width) for band in bands)
    return f'\x1bP0;1q"1;1;{width};{height}{_palette(indexed)}{body}\x1b\\'


def _palette(indexed: Image) -> str:
    """Return the definitions of the colors, in percent."""
    colors = indexed.getpalette() or []
    triples = zip(colors[0::3], colors[1::3], colors[2::3], strict=True)
    return "".join(
        f"#{number};2;{red * 100 // 255};{green * 100 // 255};{blue * 100 // 255}"
        for number, (red, green, blue) in enumerate(triples)
    )


def _band(pixels: bytes, width: int) -> str:
    """Return up to six rows of pixels: for each color, the rows that it has in each column."""
    columns: dict[int, bytearray] = {}
    for offset, color in enumerate(pixels):
        if color == _TRANSPARENT:
            continue
        row, column = divmod(offset, width)
        columns.setdefault(color, bytearray(width))[column] |= 1 << row
    return "$".join(f"#{color}{_run_lengths(bits)}" for color, bits in columns.items())


def _run_lengths(bits: bytearray) -> str:
    """Return one character a column; four and more of a kind become a count and the character."""
    text = bytes(value + _SIXEL_ZERO for value in bits).decode("ascii").rstrip(chr(_SIXEL_ZERO))
    return re.sub(r"(.)\1{3,}", lambda run: f"!{len(run[0])}{run[1]}", text)
