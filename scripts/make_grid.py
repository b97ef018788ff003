"""Draws docs/images/grid.png: generates the README's prompts on a running server, with a caption under each image.

darkroom serve &
python scripts/make_grid.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from darkroom import Darkroom

PROMPTS: Final = (
    "a red circle on a white background",
    "a small green heart on a pink background",
    "a large orange star on a black background",
    "three yellow crosses on a blue background",
    "a blue square to the left of a red heart",
    "a purple ring above a yellow triangle",
    "four pink diamonds on a gray background",
    "a brown circle next to a cyan square",
)
COLUMNS: Final = 4
SIDE: Final = 192
MARGIN: Final = 12
CAPTION: Final = 34
OUTPUT: Final = Path(__file__).parents[1] / "docs" / "images" / "grid.png"


def main() -> None:
    rows = -(-len(PROMPTS) // COLUMNS)
    grid = Image.new("RGB", (COLUMNS * (SIDE + MARGIN) + MARGIN, rows * (SIDE + CAPTION + MARGIN) + MARGIN), "white")
    pen, font = ImageDraw.Draw(grid), ImageFont.load_default(11)
    with Darkroom() as client:
        for number, prompt in enumerate(PROMPTS):
            image = client.images.generate(prompt=prompt, seed=1).images[0].to_pil()
            x = MARGIN + number % COLUMNS * (SIDE + MARGIN)
            y = MARGIN + number // COLUMNS * (SIDE + CAPTION + MARGIN)
            grid.paste(image.resize((SIDE, SIDE), Image.Resampling.LANCZOS), (x, y))
            pen.rectangle((x, y, x + SIDE - 1, y + SIDE - 1), outline="lightgray")
            pen.multiline_text((x, y + SIDE + 4), _wrapped(prompt), fill="black", font=font)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    grid.save(OUTPUT, optimize=True)


def _wrapped(text: str, width: int = 30) -> str:
    if len(text) <= width:
        return text
    cut = text.rfind(" ", 0, width)
    return f"{text[:cut]}\n{text[cut + 1 :]}"


if __name__ == "__main__":
    main()
