"""The parts of a setting: its section, its metadata, and types that several settings share. Declares no setting."""

from __future__ import annotations

import enum
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field

_DEVICES: Final = re.compile(r"auto|(cpu|cuda(:[0-9]+)?)(,(cpu|cuda(:[0-9]+)?))*")

DISABLED: Final = ("0", "none")
"""Values that turn a setting off."""


class Section(enum.StrEnum):
    """Groups of settings, in the order of the help and of the documentation."""

    FILE = "The settings file"
    LISTEN = "Addresses"
    ACCESS = "Access"
    SHARES = "Shares and quotas"
    MODEL = "The model"
    WORKER = "The worker process"
    QUEUE = "Queue limits"
    STORAGE = "Storage"
    IMAGES = "Images"
    WEBHOOKS = "Webhooks"
    MODERATION = "Moderation"
    CONNECTIONS = "Connection limits"
    LOG = "Logs and traces"


class FileForm(enum.Flag):
    """The forms that a setting may have in `darkroom.toml`, beside that of its type. A variable has commas instead."""

    VALUE = 0
    LIST = enum.auto()
    """An array of strings."""
    NAMED = enum.auto()
    """A table of strings: NAME=VALUE in a variable."""
    WEIGHED = enum.auto()
    """A table of numbers: NAME=NUMBER in a variable."""


def setting(
    default: object,
    help_text: str,
    section: Section,
    metavar: str,
    *,
    shown: str | None = None,
    is_secret: bool = False,
    kept_in: str | None = None,
    in_file: FileForm = FileForm.VALUE,
) -> Any:
    """Declares a field of `Settings`. `metavar` stands for its value in the help, `shown` for its default; a callable
    default is called at the start. A secret's value is left out of the settings' `repr`; `kept_in` names the setting of
    the file that may hold it instead.
    """
    extra: dict[str, Any] = {
        "section": section,
        "metavar": metavar,
        "shown": shown,
        "is_secret": is_secret,
        "kept_in": kept_in,
        "in_file": in_file,
    }
    if callable(default):
        return Field(default_factory=default, description=help_text, json_schema_extra=extra)
    return Field(default, description=help_text, json_schema_extra=extra, validate_default=True, repr=not is_secret)


def default_cache_dir() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "darkroom"


def _none_if_disabled(value: object) -> object:
    """Reads "0" and "none" as None, for settings that can be turned off."""
    return None if value in DISABLED or value == 0 else value


def _expanded(path: Path | None) -> Path | None:
    """Replaces a leading ~ by the home folder."""
    return path and path.expanduser()


def _checked_devices(names: str | None) -> str | None:
    if names is not None and not _DEVICES.fullmatch(names):
        raise ValueError("must be auto, or names like cpu, cuda and cuda:1 with commas between them")
    return names


def _checked_models(names: str | None) -> str | None:
    if names is not None and not all(part.strip() for part in names.split(",")):
        raise ValueError("must be names or paths with commas between them, each on its own or as NAME=PATH")
    return names


def _checked_mode(mode: str) -> str:
    if not re.fullmatch("0?[0-7]{3}", mode):
        raise ValueError("must be three octal digits, like 660")
    return mode


def checked(parse: Callable[[str], object]) -> AfterValidator:
    """Returns a validator that refuses texts that `parse` cannot read, and leaves others as they are."""

    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


def _checked_aliases(text: str | None) -> str | None:
    aliases_of(text)
    return text


def aliases_of(listed: str | None) -> dict[str, str]:
    """Returns the aliases of a list such as `dall-e-3=bundled,house style=anime`, with the names that they stand for.

    Raises ValueError.
    """
    aliases: dict[str, str] = {}
    for part in split(listed):
        alias, separator, name = (each.strip() for each in part.partition("="))
        if not (separator and alias and name and alias.isprintable() and name.isprintable()):
            raise ValueError("must be ALIAS=MODEL, with commas between them")
        if aliases.setdefault(alias, name) != name:
            raise ValueError("must not have one alias for two models")
    return aliases


def split(listed: str | None) -> list[str]:
    """Returns the parts of a list with commas between them."""
    return [part.strip() for part in (listed or "").split(",") if part.strip()]


Port = Annotated[int, Field(ge=0, le=65535)]
OptionalPort = Annotated[Port | None, BeforeValidator(_none_if_disabled)]
Count = Annotated[int, Field(ge=1)]
OptionalCount = Annotated[Count | None, BeforeValidator(_none_if_disabled)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Folder = Annotated[Path, AfterValidator(Path.expanduser)]
FileMode = Annotated[str, AfterValidator(_checked_mode)]
OptionalFile = Annotated[Path | None, AfterValidator(_expanded)]
OptionalFolder = Annotated[Path | None, BeforeValidator(_none_if_disabled), AfterValidator(_expanded)]
Models = Annotated[str | None, AfterValidator(_checked_models)]
"""A list of models, which `service.server.model_list` reads."""
Aliases = Annotated[str | None, AfterValidator(_checked_aliases)]
Devices = Annotated[str | None, AfterValidator(_checked_devices)]
"""A list of devices, which `service.engine.devices` reads."""
