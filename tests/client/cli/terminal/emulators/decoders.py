"""Reads our escape sequences with terminals and other decoders, which are the programs of `scripts/services.sh`."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.harness.programs.finding import find_program

_SCREEN = Path(__file__).with_name("kitty_screen.py")


@dataclass(frozen=True, slots=True)
class KittyScreen:
    """The screen of kitty, with 24 lines, after it was sent a text."""

    lines: list[str]
    cursor: list[int]
    """Row and column, from 0."""
    images: int
    """Images that it keeps."""
    places: list[dict[str, int]]
    """The row, the column, the rows and the columns of each image that is shown."""
    replies: str
    pixels: dict[str, dict[str, Any]]

    def image(self, number: int) -> Image.Image:
        """Return the image with that id."""
        told = self.pixels[str(number)]
        return Image.frombytes("RGBA", (told["width"], told["height"]), base64.b64decode(told["rgba"])).convert("RGB")


def show_in_kitty(text: str, *ids: int) -> KittyScreen:
    """Return the screen of kitty after it was sent a text. Its images with these ids can be looked at."""
    run = f"import runpy; runpy.run_path({str(_SCREEN)!r})"
    command = [find_program("kitty"), "+runpy", run, *map(str, ids)]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return KittyScreen(**json.loads(done.stdout))


def decode_sixels(text: str) -> Image.Image:
    """Return the image that libsixel reads from a text."""
    done = subprocess.run([find_program("sixel2png")], input=text.encode(), capture_output=True, check=True)
    return Image.open(io.BytesIO(done.stdout)).convert("RGB")
