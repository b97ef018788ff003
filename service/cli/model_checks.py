"""Runs `pipelines.checkpoints.check`, which needs torch, as a program of its own, for one model or for all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from pipelines.integrity.manifest import render
from service.catalog import find_models
from service.server.main import models_of
from service.settings import Settings

_PROGRAM: Final = (sys.executable, "-m", "pipelines.checkpoints.check")


class CheckError(Exception):
    """The model cannot be served. Each line of the message is a reason."""


@dataclass(frozen=True, slots=True)
class CheckedModel:
    name: str
    path: Path
    """The folder or file."""
    aliases: tuple[str, ...] = ()
    """Further names, which a file in the model's folder lists."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """If they were asked for: the SHA-256 of each file of the model, but for those that ship with Darkroom."""


class _Report(msgspec.Struct, frozen=True):
    """The fields of the program's JSON that are read."""

    ok: bool
    error: str = ""
    name: str = ""
    path: str = ""
    aliases: tuple[str, ...] = ()
    digests: dict[str, str] = {}


_REPORTS: Final = msgspec.json.Decoder(_Report)


def show(model: str, settings: Settings, *, as_json: bool, allow_download: bool) -> int:
    """Prints the program's report on the model. Returns its exit status."""
    command = _command(model, settings, as_json=as_json, allow_download=allow_download)
    return subprocess.run(command, check=False).returncode  # noqa: S603 -- a program of ours


def find(
    model: str,
    settings: Settings,
    *,
    allow_download: bool,
    manifest: Path | None = None,
    digests: bool = False,
) -> CheckedModel:
    """Returns the model's name and path, if it can be served. Raises `CheckError`.

    With a `manifest` its files are compared with that. With `digests` those of its files are returned.
    """
    command = _command(model, settings, as_json=True, allow_download=allow_download, manifest=manifest, digests=digests)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)  # noqa: S603 -- a program of ours
    try:
        report = _REPORTS.decode(done.stdout)
    except msgspec.DecodeError as error:
        raise CheckError(f"{model} could not be checked: the program ended with status {done.returncode}.") from error
    if not report.ok:
        raise CheckError(report.error)
    return CheckedModel(report.name, Path(report.path), report.aliases, report.digests)


def manifest_of(settings: Settings, folder: Path, find_model: Callable[..., CheckedModel] = find) -> str:
    """Returns a manifest of the files of all models of the settings, which is to be kept in `folder`.

    `find_model` is `find`, or a fake. Raises `CheckError` where a model cannot be served, and `ModelListError`.
    """
    allowed = settings.allow_download
    found = [find_model(model.source, settings, allow_download=allowed, digests=True) for model in models_of(settings)]
    return render({Path(path): digest for model in found for path, digest in model.digests.items()}, folder)


def _command(
    model: str,
    settings: Settings,
    *,
    as_json: bool,
    allow_download: bool,
    manifest: Path | None = None,
    digests: bool = False,
) -> list[str]:
    known = find_models(settings.data_dir).get(model)
    options = ["--device", settings.device, "--dtype", settings.dtype]
    given = {"--json": as_json, "--allow-download": allow_download, "--digests": digests}
    switches = [*(switch for switch, is_given in given.items() if is_given)]
    if manifest is not None:
        options += ["--manifest", str(manifest)]
    # The program has no list of names: a model may be served here by another name than its files give.
    named = [] if known is None else ["--name", model]
    return [*_PROGRAM, *options, *switches, *named, "--", str(known or model)]
