"""The --preview option: shows images in the terminal, small enough to leave room for text."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import typer

from darkroom.cli.terminal.detection import Protocol, ask_terminal, detect

PREVIEW_SIDE: Final = 320
"""Pixels of the longer side at most."""

PreviewOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Show images in the terminal while they are made and when they are finished, with the protocols of kitty "
        "or iTerm2, or as sixels.",
    ),
]
ProtocolOption: TypeAlias = Annotated[
    Protocol | None,
    typer.Option("--preview-protocol", help="Show images with this protocol, for a terminal that is not recognized."),
]


def choose_protocol(preview: bool, given: Protocol | None) -> Protocol | None:
    """Return the protocol for images on standard output, or None. Prints why, if they were asked for in vain."""
    if given is not None or not preview:
        return given
    found = detect(os.environ, ask_terminal) if sys.stdout.isatty() else None
    if found is None:
        typer.echo(
            "No previews: this terminal is not known to show images. If it does, name the way: --preview-protocol.",
            err=True,
        )
    return found


def preview_text(path: Path, protocol: Protocol) -> str:
    """Return the sequence that shows an image file in the terminal. Raises `OSError` where it cannot be read."""
    from PIL import Image

    from darkroom.cli.terminal import encoders

    with Image.open(path) as opened:
        image = opened.convert("RGB")
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    match protocol:
        case Protocol.KITTY:
            return f"{encoders.kitty(image)}\n"
        case Protocol.ITERM2:
            return f"{encoders.iterm2(image)}\n"
        case Protocol.SIXEL:
            return f"{encoders.sixel(image)}\n"
