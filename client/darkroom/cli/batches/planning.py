"""Plans the images of a command: their parameters, their files, and those that are on the disk already."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import typer

from darkroom.cli.batches.outputs import is_folder, plan_outputs, slug
from darkroom.cli.commands.options import DECIDE_NOTHING

MAX_SEED: Final = 2**63 - 1
_DIGEST_LENGTH: Final = 8
_SIZE: Final = re.compile(r"[0-9]+x[0-9]+|auto", re.IGNORECASE)


@dataclass(slots=True)
class MadeImage:
    """An image that was made, and the facts about it."""

    seed: int | None
    size: str | None
    job_id: str | None = None
    notes: list[str] = field(default_factory=list)
    """Messages for the user: the parts of the request that the model could not follow."""


@dataclass(slots=True)
class PlannedImage:
    """One image to make. `params` are the SDK's arguments, besides the prompt."""

    prompt: str
    params: Mapping[str, Any]
    path: Path
    label: str
    """The image's name in the display of progress."""
    made: MadeImage | None = None
    """None until its file is written."""
    is_skipped: bool = False
    """Whether its file was there already."""

    @property
    def name(self) -> str:
        """The image's name towards a `Watch`, which no other image of the command has."""
        return str(self.path)

    @property
    def is_there(self) -> bool:
        return self.is_skipped or self.made is not None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image to be made, before it has a file name."""

    prompt: str
    params: Mapping[str, Any]
    label: str | None = None
    """The image's name in the display of progress. None: its file name."""


def each_copy(prompts: Sequence[str], count: int, params: Mapping[str, Any]) -> list[Wanted]:
    """Return `count` images of each prompt; a seed is counted up. Raises `typer.BadParameter`."""
    seed = params.get("seed")
    if seed is not None and not 0 <= seed <= MAX_SEED - (count - 1):
        raise typer.BadParameter(f"seeds, counted up for --count, go from 0 to {MAX_SEED}", param_hint=["--seed"])
    return [
        Wanted(prompt, params if seed is None else {**params, "seed": seed + index})
        for prompt in prompts
        for index in range(count)
    ]


def plan(wanted: Sequence[Wanted], output: str, *, resume: bool) -> list[PlannedImage]:
    """Return all images in the order of their files. Raises `typer.BadParameter`, and `OSError` for an input image.

    With `resume`, a file in a folder is named after all that decides its image, and an image whose file is there is
    not made again.
    """
    for each in wanted:
        _check_size(each.params.get("size"))
    try:
        if resume and is_folder(output):
            paths = [Path(output) / name for name in _lasting_names(wanted)]
        else:
            paths = plan_outputs(output, [each.prompt for each in wanted])
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=["--output"]) from error
    return [
        PlannedImage(each.prompt, each.params, path, each.label or path.name, is_skipped=resume and path.is_file())
        for each, path in zip(wanted, paths, strict=True)
    ]


def _check_size(size: str | None) -> None:
    if size is not None and not _SIZE.fullmatch(size):
        raise typer.BadParameter("write WIDTHxHEIGHT in pixels, such as 512x768", param_hint=["--size"])


def _lasting_names(wanted: Sequence[Wanted]) -> list[str]:
    """Return a file name for each image that is the same whenever the same command is run."""
    contents: dict[Path, str] = {}
    seen: Counter[str] = Counter()
    names = []
    for each in wanted:
        request = json.dumps([each.prompt, _comparable(each.params, contents)], sort_keys=True)
        # Equal requests, such as the copies of a prompt without a seed, are told apart by their number.
        number = seen[request]
        seen[request] += 1
        digest = hashlib.sha256(f"{number} {request}".encode()).hexdigest()[:_DIGEST_LENGTH]
        seed = each.params.get("seed")
        names.append(
            "-".join(part for part in (slug(each.prompt), None if seed is None else str(seed), digest) if part) + ".png"
        )
    return names


def _comparable(params: Mapping[str, Any], contents: dict[Path, str]) -> dict[str, Any]:
    """Return the parameters that decide the image, with a digest in the place of each input file.

    `contents` remembers the digests.
    """
    return {
        name: _digest_of(value, contents) if isinstance(value, Path) else value
        for name, value in params.items()
        if value is not None and name not in DECIDE_NOTHING
    }


def _digest_of(path: Path, contents: dict[Path, str]) -> str:
    if path not in contents:
        contents[path] = hashlib.sha256(path.read_bytes()).hexdigest()
    return contents[path]


def read_prompts(lines: Sequence[str]) -> list[str]:
    """Return the prompts of a file: one a line, without blank lines and those that begin with `#`."""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def summary(image: PlannedImage) -> str:
    """Return the line that is printed about an image that was made."""
    assert image.made is not None, "the image has not been made"
    return f"{image.path}  ({', '.join([f'seed {image.made.seed}', *image.made.notes])})"


def labels(images: Sequence[PlannedImage]) -> dict[str, str]:
    """Return the label of each image that is to be made, by its name."""
    return {image.name: image.label for image in images if not image.is_there}


def as_json(image: PlannedImage) -> dict[str, Any]:
    """Return what `--json` prints about an image."""
    made = image.made or MadeImage(seed=image.params.get("seed"), size=None)
    status = "skipped" if image.is_skipped else "unfinished" if image.made is None else "made"
    return {
        "path": str(image.path),
        "status": status,
        "prompt": image.prompt,
        "seed": made.seed,
        "size": made.size,
        "job_id": made.job_id,
        "notes": made.notes,
    }
