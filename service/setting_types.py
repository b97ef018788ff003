"""Types of settings' values: their bounds, and how they are written."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

_DEVICES: Final = re.compile(r"auto|(cpu|cuda(:[0-9]+)?)(,(cpu|cuda(:[0-9]+)?))*")


def default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "darkroom"


def _none_if_disabled(value: object) -> object:
    return None if value in ("0", "none", 0) else value


def _expanded(path: Path | None) -> Path | None:
    return path and path.expanduser()


def _checked_devices(names: str | None) -> str | None:
    if names is not None and not _DEVICES.fullmatch(names):
        raise ValueError("must be auto, or names like cpu, cuda and cuda:1 with commas between them")
    return names


Port = Annotated[int, Field(ge=0, le=65535)]
OptionalPort = Annotated[Port | None, BeforeValidator(_none_if_disabled)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
OptionalFolder = Annotated[Path | None, BeforeValidator(_none_if_disabled), AfterValidator(_expanded)]
Devices = Annotated[str | None, AfterValidator(_checked_devices)]
"""A list of devices, as `service.engine.devices` reads it."""
