"""Says what a model is and how it will be served, without reading its weights.

A program of its own (`python -m pipelines.checkpoints.check MODEL`), so that the command line, which imports no torch,
can ask. It exits with 1 if the model cannot be served, and then prints why.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.checkpoints import components, inspection, loader, sources
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import tensors as single_file_tensors
from pipelines.errors import ModelLoadError, UnreviewedFileError
from pipelines.integrity import manifest
from pipelines.integrity.digests import Digests
from pipelines.integrity.file_access import ANY_FILES, FileAccess, RecordedFiles, ReviewedFiles, faults_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The facts about a model that can be served."""

    name: str
    aliases: Sequence[str]
    path: str
    family: str
    dtype: str
    """The dtype that it is loaded in."""
    parts: Mapping[str, Sequence[str]]
    """For each part with weights, its files."""
    sizes: Sequence[tuple[int, int]]
    """Width and height in pixels. The first is the default."""
    default_steps: int
    default_guidance_scale: float
    default_sampler: str
    prompt_tokens: int
    notes: Sequence[str]


def check(
    model: str,
    *,
    name: str = "",
    roots: Sequence[Path] = (),
    device: str = "auto",
    dtype: str = "auto",
    allow_download: bool = False,
    files: FileAccess = ANY_FILES,
) -> Report:
    """Inspect a model as `loader.load` would, and compare its weights with its configuration. Raises `ModelLoadError`.

    Only configurations and the headers of the weights are read. An empty `name` leaves the model's name to its files.
    `files` opens them.
    """
    choice = loader.choose_dtype(dtype, device)
    source = sources.find(model, roots=roots, allow_download=allow_download, dtype=choice, files=files)
    checkpoint = inspection.inspect(source, choice)
    info = loader.describe(checkpoint, device=device)
    for part in checkpoint.weights:
        components.check_weights(
            checkpoint.path / part, checkpoint.classes[part], checkpoint.configs[part], _read_shapes(checkpoint, part)
        )
    return Report(
        name=name or info.name,
        aliases=info.aliases,
        path=str(checkpoint.path),
        family=type(checkpoint.family).__name__,
        dtype=info.dtype,
        parts={part: [str(path) for path in paths] for part, paths in checkpoint.weights.items()},
        sizes=info.sizes,
        default_steps=info.default_steps,
        default_guidance_scale=info.default_guidance_scale,
        default_sampler=info.default_sampler,
        prompt_tokens=info.prompt_tokens,
        notes=checkpoint.notes,
    )


def _read_shapes(checkpoint: Checkpoint, part: str) -> Mapping[str, tuple[int, ...]]:
    if checkpoint.single_file is not None:
        return single_file_tensors.read_shapes(checkpoint, part)
    headers = [safetensors_files.read_header(path) for path in checkpoint.weights[part]]
    return {name: tensor.shape for header in headers for name, tensor in header.tensors.items()}


def render(report: Report) -> str:
    """Return the report for people."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    defaults = (f"{report.default_steps} steps", f"guidance {report.default_guidance_scale:g}", report.default_sampler)
    rows = {
        **({"aliases": ", ".join(report.aliases)} if report.aliases else {}),
        "from": report.path,
        "family": report.family,
        "dtype": report.dtype,
        **{part: ", ".join(Path(path).name for path in paths) for part, paths in report.parts.items()},
        "sizes": ", ".join(f"{width}x{height}" for width, height in report.sizes),
        "defaults": ", ".join(defaults),
        "prompts": f"up to {report.prompt_tokens} tokens",
    }
    yield f"{report.name} can be served."
    width = max(map(len, rows))
    yield from (f"  {label:<{width}}  {text}" for label, text in rows.items())
    yield from (f"  {note}" for note in report.notes)


def main(arguments: Sequence[str]) -> int:
    """Run the program. Returns its exit status."""
    given = _parse(arguments)
    try:
        report, digests = _examine(given)
    except ModelLoadError as error:
        sys.stdout.write(_dump({"ok": False, "error": str(error)}) if given.json else f"{error}\n")
        return 1
    sys.stdout.write(_dump({"ok": True, **dataclasses.asdict(report), **digests}) if given.json else render(report))
    return 0


def _examine(given: argparse.Namespace) -> tuple[Report, Mapping[str, Any]]:
    """Return the report and, if they are wanted, the digests of the files. Raises `ModelLoadError`.

    Its message has a line for each file that is not as the manifest lists it.
    """
    files, reviewed = RecordedFiles(), None if given.manifest is None else _reviewed(given.manifest)
    try:
        report = check(
            given.model,
            name=given.name,
            roots=given.root,
            device=given.device,
            dtype=given.dtype,
            allow_download=given.allow_download,
            files=files,
        )
    except ModelLoadError:
        _compare(files, reviewed)  # A file that nobody reviewed may be the reason of the error, and is told instead.
        raise
    _compare(files, reviewed)
    return report, {"digests": _own_digests(files.paths)} if given.digests else {}


def _reviewed(path: Path) -> FileAccess:
    try:
        return ReviewedFiles([manifest.parse(path.read_text("utf-8"), path), manifest.packaged()])
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path} cannot be read: {error}.") from error


def _compare(files: RecordedFiles, reviewed: FileAccess | None) -> None:
    faults = [] if reviewed is None else faults_of(files.paths, reviewed)
    if faults:
        raise UnreviewedFileError("\n".join(faults))


def _own_digests(paths: Iterable[Path]) -> Mapping[str, str]:
    """Return the digest of each file, except for files that ship with Darkroom: their digests ship, too."""
    digests, packaged = Digests(), manifest.packaged()
    try:
        return {str(path): digests.of(path) for path in paths if packaged.find(path) is None}
    except OSError as error:
        raise ModelLoadError(f"{error.filename} cannot be read: {error.strerror}.") from error


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipelines.checkpoints.check", description=__doc__)
    parser.add_argument("model", help="name, folder, file or hub id")
    parser.add_argument("--name", default="", help="name that the model is served by")
    parser.add_argument("--root", type=Path, action="append", default=[], help="folder in which names are looked for")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--allow-download", action="store_true")
    parser.add_argument("--manifest", type=Path, help="file of digests, with which all files are compared")
    parser.add_argument("--digests", action="store_true", help="print the digest of each file, too, with --json")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def _dump(report: Mapping[str, Any]) -> str:
    return json.dumps(report, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
