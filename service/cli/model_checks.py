"""Runs `pipelines.checkpoints.check`, which needs torch, as a program of its own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from service.catalog import find_models
from service.settings import Settings

_PROGRAM: Final = (sys.executable, "-m", "pipelines.checkpoints.check")


class CheckError(Exception):
    """The model cannot be served. The message tells the reason."""


@dataclass(frozen=True, slots=True)
class CheckedModel:
    name: str
    path: Path
    """The folder or file."""
    aliases: tuple[str, ...] = ()
    """Further names, which a file in the model's folder lists."""


class _Report(msgspec.Struct, frozen=True):
    """The fields of the program's JSON that are read."""

    ok: bool
    error: str = ""
    name: str = ""
    path: str = ""
    aliases: tuple[str, ...] = ()


_REPORTS: Final = msgspec.json.Decoder(_Report)


def show(model: str, settings: Settings, *, as_json: bool, allow_download: bool) -> int:
    """Prints the program's report on the model. Returns its exit status."""
    command = _command(model, settings, as_json=as_json, allow_download=allow_download)
    return subprocess.run(command, check=False).returncode  # noqa: S603 -- a program of ours


def find(model: str, settings: Settings, *, allow_download: bool) -> CheckedModel:
    """Returns the model's name and path, if it can be served. Raises `CheckError`."""
    command = _command(model, settings, as_json=True, allow_download=allow_download)
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)  # noqa: S603 -- a program of ours
    try:
        report = _REPORTS.decode(done.stdout)
    except msgspec.DecodeError as error:
        raise CheckError(f"{model} could not be checked: the program ended with status {done.returncode}.") from error
    if not report.ok:
        raise CheckError(report.error)
    return CheckedModel(report.name, Path(report.path), report.aliases)


def _command(model: str, settings: Settings, *, as_json: bool, allow_download: bool) -> list[str]:
    known = find_models(settings.data_dir).get(model)
    options = ["--device", settings.device, "--dtype", settings.dtype]
    switches = [*(["--json"] if as_json else []), *(["--allow-download"] if allow_download else [])]
    # The program has no list of names: a model may be served here by another name than its files give.
    named = [] if known is None else ["--name", model]
    return [*_PROGRAM, *options, *switches, *named, "--", str(known or model)]
