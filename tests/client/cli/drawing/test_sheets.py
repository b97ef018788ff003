"""Contact sheets and labeled grids: where the images are, and that labels are drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageFont

from darkroom.cli.drawing import sheets
from darkroom.cli.drawing.sheets import Panel, contact_sheet, labeled_grid, save_png, shortened

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 255, 0)


def square(color: tuple[int, int, int], side: int = 64) -> Image.Image:
    return Image.new("RGB", (side, side), color)


def has_ink(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return min(image.convert("L").crop(box).tobytes()) < 128


def position(image: Image.Image, color: tuple[int, int, int]) -> tuple[int, int]:
    """Return the left and upper edge of what has a color."""
    pixels = image.load()
    assert pixels is not None
    found = [(x, y) for x in range(image.width) for y in range(image.height) if pixels[x, y] == color]
    return min(x for x, _ in found), min(y for _, y in found)


def test_a_contact_sheet_has_about_as_many_rows_as_columns() -> None:
    sheet = contact_sheet([(square(RED), "red"), (square(BLUE), "blue"), (square(GREEN), "green")])
    red, blue, green = (position(sheet, color) for color in (RED, BLUE, GREEN))
    assert red[1] == blue[1] < green[1]
    assert red[0] == green[0] < blue[0]


def test_a_caption_is_below_its_image() -> None:
    captioned, plain = (contact_sheet([(square(RED), text)]) for text in ("a red square", ""))
    below = (0, 8 + 64, captioned.width, captioned.height)
    assert (has_ink(captioned, below), has_ink(plain, below)) == (True, False)


def test_a_grid_has_rows_columns_and_panels() -> None:
    yellow = (255, 255, 0)
    grid = labeled_grid(
        [
            Panel("seed 1", ["euler"], ["4", "8"], [[square(RED), square(BLUE)]]),
            Panel("seed 2", ["euler"], ["4", "8"], [[square(GREEN), square(yellow)]]),
        ]
    )
    red, blue, green, last = (position(grid, color) for color in (RED, BLUE, GREEN, yellow))
    assert red[1] == blue[1] < green[1] == last[1]
    assert red[0] == green[0] < blue[0] == last[0]
    assert has_ink(grid, (0, 0, red[0], red[1]))
    assert has_ink(grid, (0, red[1], red[0], green[1]))


def test_without_labels_a_grid_has_no_margins() -> None:
    grid = labeled_grid([Panel("", [""], [""], [[square(RED)]])])
    assert position(grid, RED) == (8, 8)


def test_an_image_that_there_is_not_leaves_its_place_empty() -> None:
    grid = labeled_grid([Panel("", [""], ["", ""], [[None, square(RED)]])])
    assert position(grid, RED)[0] > 64


def test_a_sheet_of_large_images_stays_below_the_limit() -> None:
    wide = Image.new("RGB", (9000, 10))
    assert contact_sheet([(wide, "")] * 4).width <= sheets._MAX_SIDE + 8


def test_a_long_text_ends_with_an_ellipsis() -> None:
    font = ImageFont.load_default(size=12)
    cut = shortened("a red circle on a white background", font, 80)
    assert cut.endswith("…")
    assert font.getlength(cut) <= 80
    assert shortened("a", font, 80) == "a"


@pytest.mark.parametrize("text", ["", "a red circle"])
def test_a_text_without_room_is_left_out(text: str) -> None:
    assert shortened(text, ImageFont.load_default(size=12), 0) == ""


def test_a_sheet_is_written_into_a_new_folder(tmp_path: Path) -> None:
    save_png(square(RED), tmp_path / "new" / "sheet.png")
    with Image.open(tmp_path / "new" / "sheet.png") as image:
        assert image.format == "PNG"
