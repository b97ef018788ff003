"""`darkroom xyz`: compares parameters in a labeled grid of images."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from typing_extensions import Unpack

from darkroom.cli.batches.axes import NO_AXIS, Axis, cells, check_axes, parse_axis, with_seed
from darkroom.cli.batches.outputs import make_folder
from darkroom.cli.batches.planning import PlannedImage, as_json, labels, plan
from darkroom.cli.commands.options import CommandParams, JsonOption, request_params, with_generation_options
from darkroom.cli.selection import KeyFileOption, ServerOption, select_backend
from darkroom.cli.terminal.previews import PreviewOption, ProtocolOption, choose_protocol, preview_text


@with_generation_options()
def xyz(
    context: typer.Context,
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="What to draw. Quote the prompt.")],
    x: Annotated[
        str,
        typer.Option(
            "--x", metavar="NAME=VALUES", help="What changes from column to column, for example steps=4,8,16."
        ),
    ],
    y: Annotated[
        str | None,
        typer.Option(
            "--y", metavar="NAME=VALUES", help="What changes from row to row, for example sampler=euler,ddim."
        ),
    ] = None,
    z: Annotated[
        str | None,
        typer.Option("--z", metavar="NAME=VALUES", help="What changes from panel to panel, for example seed=1,2."),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="File for the grid, a PNG.")
    ] = Path("xyz.png"),
    images_folder: Annotated[
        Path | None,
        typer.Option(
            "--images",
            metavar="FOLDER",
            file_okay=False,
            help="Also keep the single images, in this folder. Images that it already has are not made again.",
        ),
    ] = None,
    *,
    preview: PreviewOption = False,
    preview_protocol: ProtocolOption = None,
    prints_json: JsonOption = False,
    server: ServerOption = None,
    api_key_file: KeyFileOption = None,
    **given: Unpack[CommandParams],
) -> None:
    """Compare parameters: make a labeled grid of images that differ in one, two or three of them.

    Separate values with commas, and quote a value that contains one. A name is that of an option without the dashes, or
    `prompt`. All images have the same seed, unless the seed is on an axis.

    Examples:

        darkroom xyz "a red circle" --x steps=4,8,16 --y sampler=euler,ddim --z seed=1,2

        darkroom xyz "" --x 'prompt=a red circle,"a circle, red"' --y guidance=1,4,8 -o prompts.png --images cells/
    """
    from darkroom.cli.batches.session import Source, make_images
    from darkroom.cli.failures import explained
    from darkroom.cli.terminal.printing import print_json
    from darkroom.cli.terminal.progress import display_for

    if output.suffix.lower() != ".png":
        raise typer.BadParameter("the grid is a PNG: its name ends in .png", param_hint=["--output"])
    axes = parse_axis(x, "--x"), parse_axis(y, "--y"), parse_axis(z, "--z")
    check_axes(axes)
    params = with_seed(request_params(given), axes)
    source = Source(*select_backend(context.obj, server, api_key_file), params.get("model"))
    if not source.is_remote and any(axis.argument == "model" for axis in axes):
        raise typer.BadParameter("models can only be compared with a --server", param_hint=["--x, --y, --z"])
    protocol = choose_protocol(preview, preview_protocol)
    with ExitStack() as stack:
        folder = images_folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="darkroom-xyz-")))
        with explained():
            images = plan(cells(prompt, params, axes), f"{folder}/", resume=True)
            make_folder(output.parent)
        shown = labels(images)
        display = display_for(len(shown), shown, None if prints_json else protocol)
        make_images(source, images, display, lambda _: None)
        with explained():
            _draw(images, axes, output)
    if prints_json:
        print_json(_as_json(images, axes, output, keeps_images=images_folder is not None))
    else:
        typer.echo(f"{output}  ({len(images)} images{_seed_text(params)})")
    if protocol is not None and not prints_json:
        typer.echo(preview_text(output, protocol), nl=False)


def _draw(images: Sequence[PlannedImage], axes: tuple[Axis, Axis, Axis], path: Path) -> None:
    from PIL import Image

    from darkroom.cli.drawing.sheets import Panel, labeled_grid, save_png

    x, y, z = axes
    opened = iter([Image.open(image.path) for image in images])
    panels = [
        Panel(title, y.labels, x.labels, [list(itertools.islice(opened, len(x.values))) for _ in y.values])
        for title in z.labels
    ]
    save_png(labeled_grid(panels), path)


def _seed_text(params: Mapping[str, Any]) -> str:
    return "" if params.get("seed") is None else f", seed {params['seed']}"


def _as_json(
    images: Sequence[PlannedImage], axes: Sequence[Axis], output: Path, *, keeps_images: bool
) -> dict[str, Any]:
    described = [as_json(image) if keeps_images else {**as_json(image), "path": None} for image in images]
    used = {letter: axis for letter, axis in zip("xyz", axes, strict=True) if axis is not NO_AXIS}
    return {
        "grid": str(output),
        "axes": {letter: {"name": axis.name, "values": axis.values} for letter, axis in used.items()},
        "images": described,
    }
