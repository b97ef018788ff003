"""Runs in kitty's own Python, without a window: its parser reads standard input, and JSON tells what is on its screen.

`decoders.show_in_kitty` runs it, with the ids of the images whose pixels are to be told. The screen has 24 lines of 80
cells, each of 10 x 20 pixels.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

# kitty brings these modules with its own Python.
from kitty.fast_data_types import Screen, parse_bytes, set_options  # type: ignore[import-not-found]  # kitty's own
from kitty.options.types import defaults  # type: ignore[import-not-found]  # kitty's own

COLUMNS, ROWS, CELL_WIDTH, CELL_HEIGHT = 80, 24, 10, 20


class Child:
    """The program in the terminal. It is told the terminal's replies, and ignores all else."""

    def __init__(self) -> None:
        self.replies = b""

    def write(self, content: bytes) -> None:
        self.replies += bytes(content)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def place(screen: Any, layer: dict[str, Any]) -> dict[str, Any]:
    """The place of a layer, from OpenGL's coordinates, which go from -1 to 1 and upwards."""
    dest = layer["dest_rect"]
    return {
        "row": round((1 - dest["top"]) * ROWS / 2),
        "column": round((dest["left"] + 1) * COLUMNS / 2),
        "rows": round((dest["top"] - dest["bottom"]) * ROWS / 2),
        "columns": round((dest["right"] - dest["left"]) * COLUMNS / 2),
    }


def pixels(image: dict[str, Any]) -> dict[str, Any]:
    content = base64.b64encode(image["data"]).decode("ascii")
    return {"width": image["width"], "height": image["height"], "rgba": content}


def main() -> None:
    set_options(defaults)
    child = Child()
    screen = Screen(child, ROWS, COLUMNS, 100, CELL_WIDTH, CELL_HEIGHT, 0, child)
    parse_bytes(screen, sys.stdin.buffer.read().replace(b"\n", b"\r\n"))  # As the terminal driver sends a line's end.
    layers = screen.grman.update_layers(0, -1.0, 1.0, 2 / COLUMNS, 2 / ROWS, COLUMNS, ROWS, CELL_WIDTH, CELL_HEIGHT)
    found = {number: screen.grman.image_for_client_id(int(number)) for number in sys.argv[1:]}
    told = {
        "lines": [str(screen.line(index)).rstrip() for index in range(ROWS)],
        "cursor": [screen.cursor.y, screen.cursor.x],
        "images": screen.grman.image_count,
        "places": [place(screen, layer) for layer in layers],
        "replies": child.replies.decode("latin-1"),
        "pixels": {number: pixels(image) for number, image in found.items() if image is not None},
    }
    sys.stdout.write(json.dumps(told))


main()
