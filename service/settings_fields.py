"""What a setting is made of: its section, its metadata, and types that several settings share. Declares no setting."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(enum.StrEnum):
    """Groups of settings, in the order of the help and of the documentation."""

    LISTEN = "Where it listens"
    MODEL = "The model"
    QUEUE = "How much may wait"
    STORAGE = "What is kept"
    IMAGES = "Images"
    CONNECTIONS = "Bounds on connections"
    LOG = "The log"


def setting(default: object, help_text: str, section: Section, metavar: str, *, shown: str | None = None) -> Any:
    """A field of `Settings`. `metavar` stands for its value in the help, `shown` for its default; a callable default
    is called at the start.
    """
    extra: dict[str, Any] = {"section": section, "metavar": metavar, "shown": shown}
    if callable(default):
        return Field(default_factory=default, description=help_text, json_schema_extra=extra)
    return Field(default, description=help_text, json_schema_extra=extra, validate_default=True)


def none_if_disabled(value: object) -> object:
    """Read "0" and "none" as None, for settings that can be turned off."""
    return None if value in ("0", "none", 0) else value


def expanded(path: Path | None) -> Path | None:
    """Replace a leading ~ by the home folder."""
    return path and path.expanduser()
