"""`darkroom generate`: makes images from prompts, through a server or on this machine, and writes them to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typing_extensions import Unpack

from darkroom.cli.batches.outputs import is_folder, make_folder
from darkroom.cli.batches.planning import PlannedImage, as_json, each_copy, labels, plan, read_prompts
from darkroom.cli.commands.options import CommandParams, JsonOption, request_params, with_generation_options
from darkroom.cli.selection import KeyFileOption, ServerOption, select_backend
from darkroom.cli.terminal.previews import PreviewOption, ProtocolOption, choose_protocol

_FILES: Final = "Files"
"""The section of the help about output files."""


@with_generation_options()
def generate(
    context: typer.Context,
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROMPT", help="What to draw. Quote each prompt; several make a batch."),
    ] = None,
    file: Annotated[
        typer.FileText | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            encoding="utf-8",
            help="A text file with one prompt per line. Lines that begin with # are skipped; - reads standard input.",
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            rich_help_panel=_FILES,
            help="A file ending in .png, .webp, .jpg or .jpeg, which is overwritten; the names of further images get "
            "numbers (out-2.png). Or a folder, in which files are named after their prompts and none is overwritten.",
        ),
    ] = ".",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of images of each prompt.")] = 1,
    *,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--no-resume",
            rich_help_panel=_FILES,
            help="Skip images whose files exist. By default, this is on for a folder with --file or --seed. Their "
            "names then contain a hash of everything that decides the image.",
        ),
    ] = None,
    grid: Annotated[
        Path | None,
        typer.Option(
            "--grid",
            metavar="FILE",
            dir_okay=False,
            rich_help_panel=_FILES,
            help="Also write a contact sheet of all images, as a PNG.",
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            "--quality",
            min=0,
            max=100,
            rich_help_panel=_FILES,
            help="Quality of WebP and JPEG. WebP is lossless at 100; PNG is always lossless.",
        ),
    ] = None,
    preview: PreviewOption = False,
    preview_protocol: ProtocolOption = None,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
    **given: Unpack[CommandParams],
) -> None:
    """Make images and write them to files.

    If darkroom-server is installed, this machine makes them, and otherwise the server at http://127.0.0.1:8000.
    --server selects another server. Options that are not given have the model's defaults. The seed of each image is
    printed. Ctrl-C cancels unfinished images; with --resume, the same command then continues where it stopped.

    Examples:

        darkroom generate "a red circle on a white background" -o circle.png

        darkroom generate "a blue star" "two green hearts" --count 4 -o images/ --grid sheet.png

        darkroom generate --file prompts.txt --seed 1 -o images/ --server http://127.0.0.1:8000

        darkroom generate "a blue circle" --image circle.png --strength 0.6 -o blue.png
    """
    from darkroom.cli.batches.session import Source, make_images
    from darkroom.cli.failures import explained
    from darkroom.cli.terminal.printing import print_json
    from darkroom.cli.terminal.progress import display_for
    from darkroom.cli.terminal.results import Results

    if grid is not None and grid.suffix.lower() != ".png":
        raise typer.BadParameter("a contact sheet is a PNG: its name ends in .png", param_hint=["--grid"])
    params = {**request_params(given), **({} if quality is None else {"output_compression": quality})}
    texts = _prompts(prompts, file)
    source = Source(*select_backend(context.obj, server, api_key_file), params.get("model"))
    with explained():
        images = plan(each_copy(texts, count, params), output, resume=_resumes(resume, output, file, params))
        if grid is not None:
            make_folder(grid.parent)
    if quality is not None and all(image.path.suffix.lower() == ".png" for image in images):
        raise typer.BadParameter("PNG has none; name a file ending in .webp or .jpg with -o", param_hint=["--quality"])
    _say_skipped(images)
    protocol = choose_protocol(preview, preview_protocol)
    shown = labels(images)
    display = display_for(len(shown), shown, None if prints_json else protocol)
    results = Results(images, display, protocol, is_quiet=prints_json)
    sheet: Path | None = None
    try:
        make_images(source, images, display, results.when_made)
        sheet = grid and _write_grid(images, grid)
    finally:
        results.print_rest()
        if prints_json:
            print_json({"images": [as_json(image) for image in images], "grid": sheet and str(sheet)})


def _prompts(arguments: Sequence[str] | None, file: typer.FileText | None) -> list[str]:
    """Return all prompts. Raises `typer.BadParameter` where there is none."""
    try:
        lines = [] if file is None else file.read().splitlines()
    except UnicodeDecodeError as error:
        raise typer.BadParameter("the file is not text in UTF-8", param_hint=["--file"]) from error
    texts = [*(arguments or []), *read_prompts(lines)]
    if not texts:
        missing = "PROMPT" if file is None else "--file"
        raise typer.BadParameter("there is no prompt; give one, or a --file of them", param_hint=[missing])
    return texts


def _resumes(asked: bool | None, output: str, file: object, params: Mapping[str, Any]) -> bool:
    if asked is not None:
        return asked
    try:
        return is_folder(output) and (file is not None or params.get("seed") is not None)
    except ValueError:
        return False  # `plan` reports it.


def _say_skipped(images: Sequence[PlannedImage]) -> None:
    skipped = sum(image.is_skipped for image in images)
    if skipped:
        typer.echo(f"Skipped {skipped} of {len(images)} images, whose files are there already.", err=True)


def _write_grid(images: Sequence[PlannedImage], path: Path) -> Path:
    from PIL import Image

    from darkroom.cli.drawing.sheets import contact_sheet, save_png
    from darkroom.cli.failures import explained

    with explained():
        save_png(contact_sheet([(Image.open(image.path), image.prompt) for image in images]), path)
    typer.echo(f"{path}  (contact sheet of {len(images)} images)", err=True)
    return path
