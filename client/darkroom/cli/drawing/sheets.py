"""Draws contact sheets and labeled grids. Takes and returns Pillow's images."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from darkroom.cli.batches.outputs import write

_MAX_SIDE: Final = 16384
"""Pixels. A sheet that would be larger is made of smaller images."""
_GAP: Final = 8
_PAPER: Final = "white"
_INK: Final = "black"

Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Panel:
    """One grid of images, row by row. None stands for a missing image."""

    title: str
    row_labels: Sequence[str]
    column_labels: Sequence[str]
    images: Sequence[Sequence[Image.Image | None]]


def contact_sheet(images: Sequence[tuple[Image.Image, str]]) -> Image.Image:
    """Return all images in about as many rows as columns, each above its caption."""
    columns = math.ceil(math.sqrt(len(images)))
    cell = _cell_size([image for image, _ in images], columns, math.ceil(len(images) / columns))
    font = _font(cell)
    line = _line_height(font)
    rows = math.ceil(len(images) / columns)
    sheet = Image.new("RGB", _sheet_size(cell, columns, rows, extra=(0, line + _GAP)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (image, caption) in enumerate(images):
        row, column = divmod(number, columns)
        left, top = _GAP + column * (cell[0] + _GAP), _GAP + row * (cell[1] + line + 2 * _GAP)
        sheet.paste(_fitted(image, cell), (left, top))
        draw.text((left, top + cell[1] + _GAP // 2), shortened(caption, font, cell[0]), fill=_INK, font=font)
    return sheet


def labeled_grid(panels: Sequence[Panel]) -> Image.Image:
    """Return the panels one below the other, each with a title, and labels for its rows and columns."""
    images = [image for panel in panels for row in panel.images for image in row if image is not None]
    columns = max(len(panel.column_labels) for panel in panels)
    rows = sum(len(panel.row_labels) for panel in panels)
    cell = _cell_size(images, columns, rows)
    drawn = [_draw_panel(panel, cell) for panel in panels]
    sheet = Image.new("RGB", (max(each.width for each in drawn), sum(each.height for each in drawn)), _PAPER)
    tops = itertools.accumulate((each.height for each in drawn), initial=0)
    for top, each in zip(tops, drawn, strict=False):  # The last top is the end of the sheet.
        sheet.paste(each, (0, top))
    return sheet


def save_png(image: Image.Image, path: Path) -> None:
    """Write a PNG file, and the folder that it is in. Raises `OSError`."""
    file = io.BytesIO()
    image.save(file, format="png")
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, file.getvalue())


def _draw_panel(panel: Panel, cell: tuple[int, int]) -> Image.Image:
    font = _font(cell)
    line = _line_height(font)
    margin = max((math.ceil(font.getlength(label)) for label in panel.row_labels), default=0)
    left, top = (margin + _GAP if margin else 0), (line + _GAP) * (bool(panel.title) + any(panel.column_labels))
    size = _sheet_size(cell, len(panel.column_labels), len(panel.row_labels), extra=(0, 0))
    sheet = Image.new("RGB", (size[0] + left, size[1] + top), _PAPER)
    draw = ImageDraw.Draw(sheet)
    if panel.title:
        draw.text((_GAP, _GAP), shortened(panel.title, font, sheet.width - 2 * _GAP), fill=_INK, font=font)
    for column, label in enumerate(panel.column_labels):
        x = left + _GAP + column * (cell[0] + _GAP)
        draw.text((x, top - line), shortened(label, font, cell[0]), fill=_INK, font=font)
    for row, (label, images) in enumerate(zip(panel.row_labels, panel.images, strict=True)):
        y = top + _GAP + row * (cell[1] + _GAP)
        draw.text((_GAP, y + cell[1] // 2), label, fill=_INK, font=font, anchor="lm" if _scales(font) else None)
        for column, image in enumerate(images):
            if image is not None:
                sheet.paste(_fitted(image, cell), (left + _GAP + column * (cell[0] + _GAP), y))
    return sheet


def _cell_size(images: Sequence[Image.Image], columns: int, rows: int) -> tuple[int, int]:
    """Return the size of the largest image, or less where the sheet would become too large."""
    width = max((image.width for image in images), default=1)
    height = max((image.height for image in images), default=1)
    factor = min(1.0, _MAX_SIDE / (columns * (width + _GAP)), _MAX_SIDE / (rows * (height + 4 * _GAP)))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _sheet_size(cell: tuple[int, int], columns: int, rows: int, extra: tuple[int, int]) -> tuple[int, int]:
    """Return the size of `rows` by `columns` cells, each with `extra` pixels, and gaps around them."""
    return (
        _GAP + columns * (cell[0] + extra[0] + _GAP),
        _GAP + rows * (cell[1] + extra[1] + _GAP),
    )


def _fitted(image: Image.Image, cell: tuple[int, int]) -> Image.Image:
    if image.width <= cell[0] and image.height <= cell[1]:
        return image
    smaller = image.copy()
    smaller.thumbnail(cell)
    return smaller


def shortened(text: str, font: Font, width: int) -> str:
    """Return as much of a text as fits into `width` pixels, with an ellipsis where some is missing."""
    if font.getlength(text) <= width:
        return text
    cuts = (f"{text[:end].rstrip()}…" for end in range(len(text) - 1, 0, -1))
    return next((cut for cut in cuts if font.getlength(cut) <= width), "")


def _font(cell: tuple[int, int]) -> Font:
    return ImageFont.load_default(size=max(11, min(28, cell[0] // 16)))


def _line_height(font: Font) -> int:
    _, top, _, bottom = font.getbbox("Ágjy")
    return math.ceil(bottom - min(0, top))


def _scales(font: Font) -> bool:
    """Whether the font is not Pillow's bitmap, which knows no anchors."""
    return isinstance(font, ImageFont.FreeTypeFont)
