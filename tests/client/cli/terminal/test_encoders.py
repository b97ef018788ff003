"""Images as escape sequences: what a decoder reads from them."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image, ImageChops

from darkroom.cli.terminal import encoders
from tests.client.cli.terminal.emulators.decoders import decode_sixels, show_in_kitty


def stripes(width: int = 7, height: int = 8) -> Image.Image:
    """The left column is red and the rest blue."""
    image = Image.new("RGB", (width, height), (0, 0, 255))
    image.paste((255, 0, 0), (0, 0, 1, height))
    return image


def noise() -> Image.Image:
    """A PNG of it takes several pieces."""
    return Image.effect_noise((128, 128), 100).convert("RGB")


def decoded_sixels(text: str) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the color, in percent, of each pixel."""
    head = re.match(r'\x1bP0;1q"1;1;(\d+);(\d+)', text)
    assert head is not None
    assert text.endswith("\x1b\\")
    pixels: dict[tuple[int, int], tuple[int, ...]] = {}
    palette: dict[int, tuple[int, ...]] = {}
    color = 0
    row = column = 0
    token = re.compile(r"#(\d+);2;(\d+);(\d+);(\d+)|#(\d+)|!(\d+)(.)|(.)", re.DOTALL)
    for found in token.finditer(text[head.end() : -2]):
        if found[1]:
            palette[int(found[1])] = (int(found[2]), int(found[3]), int(found[4]))
        elif found[5]:
            color = int(found[5])
        elif found[8] == "-":
            row, column = row + 6, 0
        elif found[8] == "$":
            column = 0
        else:
            bits = ord(found[7] or found[8]) - 63
            count = int(found[6] or 1)
            rows = [row + bit for bit in range(6) if bits >> bit & 1]
            pixels |= {(column + offset, y): palette[color] for offset in range(count) for y in rows}
            column += count
    return pixels


def test_kitty_gets_a_png_in_pieces() -> None:
    image = noise()
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", encoders.kitty(image))
    assert pieces[0][0] == "a=T,f=100,q=2,m=1"
    assert {control for control, _ in pieces[1:-1]} <= {"m=1"}
    assert pieces[-1][0] == "m=0"
    assert all(len(piece) <= 4096 for _, piece in pieces)
    content = base64.b64decode("".join(piece for _, piece in pieces))
    assert Image.open(io.BytesIO(content)).tobytes() == image.tobytes()


def test_a_small_image_is_one_piece_for_kitty() -> None:
    assert encoders.kitty(stripes()).startswith("\x1b_Ga=T,f=100,q=2,m=0;")


@pytest.mark.integration
def test_kitty_reads_the_pixels_and_its_cursor_stays() -> None:
    image = noise()
    screen = show_in_kitty(encoders.kitty(image, encoders.Placement(7, columns=13, rows=7)), 7)
    assert screen.image(7).tobytes() == image.tobytes()
    assert screen.places == [{"row": 0, "column": 0, "rows": 7, "columns": 13}]
    assert screen.cursor == [0, 0]
    assert screen.replies == ""


@pytest.mark.integration
def test_kitty_shows_one_image_of_an_id_and_none_after_its_deletion() -> None:
    first, second = stripes(), noise()
    drawn = encoders.kitty(first, encoders.Placement(7, 1, 1)) + encoders.kitty(second, encoders.Placement(7, 13, 7))
    screen = show_in_kitty(drawn, 7)
    assert (screen.images, len(screen.places)) == (1, 1)
    assert screen.image(7).tobytes() == second.tobytes()
    assert show_in_kitty(drawn + encoders.kitty_deletion(7)).places == []


@pytest.mark.integration
def test_kitty_shows_an_image_without_a_place_at_the_cursor_and_goes_behind_it() -> None:
    screen = show_in_kitty(f"x.png\n{encoders.kitty(noise())}\ny.png")
    (place,) = screen.places
    assert (place["row"], place["column"]) == (1, 0)
    assert screen.lines[0] == "x.png"
    assert "y.png" in screen.lines[1 + place["rows"] :]


def test_iterm2_gets_a_png_and_its_size() -> None:
    found = re.fullmatch(r"\x1b]1337;File=inline=1;size=(\d+):(.*)\x07", encoders.iterm2(stripes()))
    assert found is not None
    content = base64.b64decode(found[2])
    assert len(content) == int(found[1])
    assert Image.open(io.BytesIO(content)).tobytes() == stripes().tobytes()


def test_iterm2_is_told_the_lines_that_an_image_may_take() -> None:
    # https://iterm2.com/documentation-images.html: "File=[arguments]:base64 BEL"; a height without unit is in cells.
    arguments = re.match(r"\x1b]1337;File=([^:]*):", encoders.iterm2(stripes(), rows=8))
    assert arguments is not None
    assert dict(each.split("=") for each in arguments[1].split(";")) == {
        "inline": "1",
        "size": str(len(encoders.png_of(stripes()))),
        "height": "8",
    }


@pytest.mark.integration
@pytest.mark.parametrize("image", [stripes(), noise(), Image.linear_gradient("L").convert("RGB")])
def test_another_decoder_reads_our_sixels(image: Image.Image) -> None:
    read = decode_sixels(encoders.sixel(image))
    assert read.size == image.size
    # Sixels have colors in percent: an error of a 100th is one of 2.55 in 255, besides that of the quantization.
    wanted = image.quantize(255).convert("RGB")
    assert max(ImageChops.difference(read, wanted).tobytes()) <= 3


def test_sixels_have_the_color_of_each_pixel() -> None:
    pixels = decoded_sixels(encoders.sixel(stripes(width=9, height=8)))
    red = {(0, row): (100, 0, 0) for row in range(8)}
    blue = {(column, row): (0, 0, 100) for column in range(1, 9) for row in range(8)}
    assert pixels == red | blue


def test_nothing_is_drawn_where_an_image_is_transparent() -> None:
    image = stripes().convert("RGBA")
    image.paste((0, 0, 0, 0), (3, 0, 5, 2))
    drawn = decoded_sixels(encoders.sixel(image))
    assert drawn.keys() == decoded_sixels(encoders.sixel(stripes())).keys() - {(3, 0), (4, 0), (3, 1), (4, 1)}
    assert set(drawn.values()) == {(100, 0, 0), (0, 0, 100)}


def test_sixels_count_what_repeats() -> None:
    text = encoders.sixel(Image.new("RGB", (100, 6), "black"))
    assert "!100~" in text
