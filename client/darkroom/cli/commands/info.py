"""`darkroom info`: shows what is written inside image files about how they were made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from darkroom.cli.commands.options import JsonOption
from darkroom.cli.statuses import CommandError

if TYPE_CHECKING:
    from darkroom.cli.drawing.metadata import FileInfo


def info(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="PNG, WebP and JPEG files.")],
    as_json: JsonOption = False,
) -> None:
    """Show the parameters inside image files.

    Darkroom writes them into its images in the format of AUTOMATIC1111's web UI. If another program has written them in
    this format, they are shown, too.

    Examples:

        darkroom info circle.png

        darkroom info --json images/*.png
    """
    from darkroom.cli.terminal.printing import print_json, print_text

    found = [_read(path) for path in files]
    if as_json:
        print_json({"files": [_as_json(each) for each in found]})
        return
    print_text("\n\n".join("\n".join(_lines(each)) for each in found))


def _read(path: Path) -> FileInfo:
    from PIL import UnidentifiedImageError

    from darkroom.cli.drawing.metadata import read_info

    try:
        return read_info(path)
    except UnidentifiedImageError as error:
        raise CommandError(f"{path} is not an image that can be read: PNG, WebP or JPEG.") from error
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror or error}") from error


def _lines(found: FileInfo) -> list[str]:
    mark = ", marked as made by AI" if found.is_marked_as_ai else ""
    head = f"{found.path}  {found.format} {found.width}x{found.height}{mark}"
    parameters = found.parameters
    if parameters is None:
        return [head, "No parameters inside."]
    named = {"Prompt": parameters.prompt, "Negative prompt": parameters.negative, **parameters.settings}
    given = {name: value for name, value in named.items() if value is not None}
    width = max(map(len, given))
    return [head, *(f"{name:<{width}}  {value}" for name, value in given.items())]


def _as_json(found: FileInfo) -> dict[str, Any]:
    parameters = found.parameters
    return {
        "path": str(found.path),
        "format": found.format,
        "width": found.width,
        "height": found.height,
        "marked_as_ai": found.is_marked_as_ai,
        "prompt": parameters and parameters.prompt,
        "negative": parameters and parameters.negative,
        "settings": parameters.settings if parameters else {},
    }
