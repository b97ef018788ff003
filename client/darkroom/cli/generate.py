"""`darkroom generate`: prompts in, image files out, through a server or on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from darkroom.cli.outputs import FORMATS, plan_outputs, write
from darkroom.cli.selection import ServerOption, select_backend

if TYPE_CHECKING:
    from darkroom import AsyncDarkroom, GenerateParams, ImagesResult

AT_ONCE: Final = 16
"""Images asked for at the same time: enough to fill a server's batch."""
MAX_SEED: Final = 2**63 - 1


@dataclass(slots=True)
class Order:
    """One image to make."""

    prompt: str
    seed: int | None
    path: Path
    outcome: str = ""
    """What to tell of it, once its file is written."""


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
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Width and height in pixels, 128x128 for example.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps: more is slower and finer.")] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0.0, help="How closely to follow the prompt; 1 turns guidance off.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Draws the same images again; counted up for each of --count. Random if not given."),
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(metavar="TEXT", help="What to keep out.")] = None,
    sampler: Annotated[
        str | None, typer.Option(metavar="NAME", help="ddim, euler, euler_a, heun, dpm++_2m, unipc, ...")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(metavar="NAME", help="Noise levels: karras, exponential or beta.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="A name that `darkroom models` shows.")] = None,
    server: ServerOption = None,
) -> None:
    """Draw images and write them to files.

    Draws on this machine where darkroom-server is installed, else through the server at http://127.0.0.1:8000; with
    --server through that one. What is not given is the model's own choice. The seed of each image is printed.

    Examples:

        darkroom generate "a red circle on a white background" -o circle.png

        darkroom generate "a blue star" "two green hearts" --count 4 -o images/
    """
    from darkroom.cli.failures import explained
    from darkroom.cli.progress import ProgressBar

    backend, remote = select_backend(context.obj, server)
    orders = _plan(prompts, count, seed, output)
    settings: GenerateParams = {
        "size": size,
        "steps": steps,
        "guidance_scale": guidance,
        "negative_prompt": negative_prompt,
        "sampler": sampler,
        "schedule": schedule,
        "output_format": FORMATS[orders[0].path.suffix.lower()],
        "model": model if remote else None,
    }
    try:
        with explained(), ProgressBar(len(orders)) as progress:
            for order in orders:
                order.path.parent.mkdir(parents=True, exist_ok=True)
            asyncio.run(_draw(backend.connect(model=model, watch=progress), orders, settings, progress.finish_one))
    finally:
        for order in orders:
            if order.outcome:
                typer.echo(order.outcome)


def _plan(prompts: list[str], count: int, seed: int | None, output: str) -> list[Order]:
    """All images, in the order of their files. Raises `typer.BadParameter`."""
    if seed is not None and not 0 <= seed <= MAX_SEED - (count - 1):
        raise typer.BadParameter(f"seeds, counted up for --count, go from 0 to {MAX_SEED}", param_hint=["--seed"])
    wanted = [(prompt, None if seed is None else seed + number) for prompt in prompts for number in range(count)]
    try:
        paths = plan_outputs(output, [prompt for prompt, _ in wanted])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=["--output"]) from error
    return [Order(prompt, seed, path) for (prompt, seed), path in zip(wanted, paths, strict=True)]


async def _draw(
    connection: AbstractAsyncContextManager[AsyncDarkroom],
    orders: Sequence[Order],
    settings: GenerateParams,
    finish_one: Callable[[], None],
) -> None:
    """Make all images, many at a time. Raises the first failure, and gives up what is unfinished then."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def draw(client: AsyncDarkroom, order: Order) -> None:
        params: GenerateParams = {**settings, "seed": order.seed}
        async with at_once:
            result = await client.images.generate(prompt=order.prompt, **params)
        # Not in a thread: a cancellation must not come between a file and the telling of it.
        write(order.path, result.images[0].bytes)
        order.outcome = _outcome(order, result, settings.get("size"))
        finish_one()

    async with connection as client:
        try:
            async with asyncio.TaskGroup() as group:
                for order in orders:
                    group.create_task(draw(client, order))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None


def _outcome(order: Order, result: ImagesResult, wanted_size: str | None) -> str:
    resized = f", {result.size}: the model draws no {wanted_size}" if wanted_size not in (None, result.size) else ""
    return f"{order.path}  (seed {result.images[0].seed}{resized})"
