"""`darkroom generate`: makes images from prompts, through a server or on this machine, and writes them to files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typing_extensions import Unpack

from darkroom.cli.options import with_generation_options
from darkroom.cli.outputs import FORMATS, plan_outputs, write
from darkroom.cli.selection import ServerOption, select_backend
from darkroom.types import GenerateParams

if TYPE_CHECKING:
    from darkroom import AsyncDarkroom, ImagesResult, PromptTokens

MAX_REQUESTS: Final = 16
"""Requests in flight at a time, each for one image: enough to fill a server's batch."""
MAX_SEED: Final = 2**63 - 1


@dataclass(slots=True)
class PlannedImage:
    """One image to make."""

    prompt: str
    seed: int | None
    path: Path
    summary: str = ""
    """Line to print about the image. Empty until its file is written."""


@with_generation_options()
def generate(
    context: typer.Context,
    prompts: Annotated[
        list[str], typer.Argument(metavar="PROMPT", help="What to draw. Quote each; several make a batch.")
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file ending in .png, .webp, .jpg or .jpeg, which is overwritten; further images are numbered "
            "after it (out-2.png). Or a folder, where files are named after their prompts and none is overwritten.",
        ),
    ] = ".",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Images of each prompt.")] = 1,
    *,
    server: ServerOption = None,
    **params: Unpack[GenerateParams],
) -> None:
    """Make images and write them to files.

    Where darkroom-server is installed, this machine makes them; otherwise the server at http://127.0.0.1:8000 does.
    --server selects another server. The model's defaults apply to options that are not given. The seed of each image
    is printed.

    Examples:

        darkroom generate "a red circle on a white background" -o circle.png

        darkroom generate "a blue star" "two green hearts" --count 4 -o images/
    """
    from darkroom.cli.failures import explained
    from darkroom.cli.progress import ProgressBar

    backend, is_remote = select_backend(context.obj, server)
    model = params.get("model")
    images = _plan(prompts, count, params.get("seed"), output)
    common: GenerateParams = {
        **params,
        "output_format": FORMATS[images[0].path.suffix.lower()],
        "model": model if is_remote else None,
    }
    try:
        with explained(), ProgressBar(len(images)) as progress:
            for image in images:
                image.path.parent.mkdir(parents=True, exist_ok=True)
            connection = backend.connect(model=model, watch=progress)
            asyncio.run(_generate_all(connection, images, common, progress.finish_one))
    finally:
        for image in images:
            if image.summary:
                typer.echo(image.summary)


def _plan(prompts: list[str], count: int, seed: int | None, output: str) -> list[PlannedImage]:
    """Return all images in the order of their files. Raises `typer.BadParameter`."""
    if seed is not None and not 0 <= seed <= MAX_SEED - (count - 1):
        raise typer.BadParameter(f"seeds, counted up for --count, go from 0 to {MAX_SEED}", param_hint=["--seed"])
    wanted = [(prompt, None if seed is None else seed + index) for prompt in prompts for index in range(count)]
    try:
        paths = plan_outputs(output, [prompt for prompt, _ in wanted])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=["--output"]) from error
    return [PlannedImage(prompt, seed, path) for (prompt, seed), path in zip(wanted, paths, strict=True)]


async def _generate_all(
    connection: AbstractAsyncContextManager[AsyncDarkroom],
    images: Sequence[PlannedImage],
    common: GenerateParams,
    finish_one: Callable[[], None],
) -> None:
    """Make all images, up to `MAX_REQUESTS` at a time. Raises the first failure, after canceling what is unfinished."""
    slots = asyncio.Semaphore(MAX_REQUESTS)

    async def generate_one(client: AsyncDarkroom, image: PlannedImage) -> None:
        params: GenerateParams = {**common, "seed": image.seed}
        async with slots:
            result = await client.images.generate(prompt=image.prompt, **params)
        # Written without a thread, so that no cancellation comes between the file and its summary.
        write(image.path, result.images[0].bytes())
        image.summary = _summary(image, result, common.get("size"))
        finish_one()

    async with connection as client:
        tasks = [asyncio.create_task(generate_one(client, image)) for image in images]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _summary(image: PlannedImage, result: ImagesResult, requested_size: str | None) -> str:
    is_resized = requested_size not in (None, result.size)
    resized = f", {result.size}: the model cannot make {requested_size}" if is_resized else ""
    return f"{image.path}  (seed {result.images[0].seed}{resized}{_cut(result.images[0].prompt_tokens)})"


def _cut(tokens: PromptTokens | None) -> str:
    """Say which texts were longer than the model reads, and how much of them it read."""
    texts = {} if tokens is None else {"prompt": tokens.prompt, "negative prompt": tokens.negative}
    cut = [
        f", only {text.read} of {text.total} tokens of the {name} read"
        for name, text in texts.items()
        if text is not None and text.read < text.total
    ]
    return "".join(cut)
