"""Puts the settings together from the command line, the environment and the file.

It is the server's only reader of `DARKROOM_*` variables.
"""

from __future__ import annotations

import difflib
import enum
import ipaddress
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from service.config_file import FileSettings, default_file, read_config, sentence
from service.link_variables import is_link_url, is_link_variable
from service.setting_groups.fields import DISABLED
from service.settings import CONFIG, PREFIX, Settings, flag, variable

_CLIENT_VARIABLES: Final = frozenset({"DARKROOM_BASE_URL", "DARKROOM_API_KEY"})
"""Variables of the SDK, which may stand in the same environment."""


class SettingsError(Exception):
    """Settings that are unknown or out of range. The message is for the person who started the server."""

    def __init__(self, faults: Sequence[str], *, in_command: bool = False) -> None:
        """`faults` holds a sentence for each fault, without the value. `in_command` tells whether one of them is on the
        command line."""
        super().__init__("\n".join(faults))
        self.faults: Final = tuple(faults)
        self.in_command: Final = in_command


class Origin(enum.StrEnum):
    """The sources of a setting's value. A later one overrides those above it."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class SettingsInForce:
    """The settings, and the source of each."""

    settings: Settings
    origins: Mapping[str, Origin]
    file: FileSettings | None
    """The file of settings, if one was read."""


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Returns the settings in force. See `read_settings`."""
    return read_settings(overrides).settings


def read_settings(overrides: Mapping[str, Any] | None = None) -> SettingsInForce:
    """Reads the settings. The command line overrides the environment, and that the file.

    `overrides` are the values of the command line by name; None means not given. Variables that Kubernetes or
    Docker wrote for a service of our name are ignored. Raises `SettingsError` for all that is unknown or out of range.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    in_environment = _names_in_environment()
    file = _file(given.get(CONFIG, os.environ.get(variable(CONFIG))))
    origins = dict.fromkeys(Settings.model_fields, Origin.DEFAULT)
    origins |= dict.fromkeys({} if file is None else file.values, Origin.FILE)
    origins |= dict.fromkeys(in_environment, Origin.ENVIRONMENT)
    origins |= dict.fromkeys(given, Origin.COMMAND_LINE)
    in_file = {} if file is None else {name: file.values[name] for name in file.values if name not in in_environment}
    values = _overwritten_by_links() | in_file | given | {CONFIG: None if file is None else file.path}
    faults = [*_unknown_variables(), *([] if file is None else file.faults)]
    try:
        settings = Settings(**values)
    except ValidationError as error:
        told = [*_told(error, origins)]
        raise SettingsError([*faults, *told], in_command=any(each.startswith("--") for each in told)) from None
    if faults:
        raise SettingsError(faults)
    return SettingsInForce(settings, origins, file)


def _file(chosen: str | Path | None) -> FileSettings | None:
    """Reads the file that was chosen, or the one in this folder, if there is one."""
    if not chosen:
        path = default_file()
        # The folder may belong to another user, who must not decide how this server runs.
        return None if path is None else read_config(path, owners=(os.geteuid(), 0))
    return None if str(chosen) in DISABLED else read_config(Path(chosen).expanduser())


def _names_in_environment() -> set[str]:
    """Returns the names of the settings whose variables are set. Like pydantic, it reads variables in any case."""
    written = {name.upper() for name, value in os.environ.items() if value and not is_link_url(name, value)}
    return {name for name in Settings.model_fields if variable(name) in written}


def _overwritten_by_links() -> dict[str, Any]:
    """Returns the defaults of the settings whose variables hold the URL of a service."""
    return {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in Settings.model_fields.items()
        if is_link_url(variable(name), os.environ.get(variable(name), ""))
    }


def _told(error: ValidationError, origins: Mapping[str, Origin]) -> Iterator[str]:
    """Yields a sentence for each fault of a variable or a flag. Those of the file were found when it was read."""
    for each in error.errors(include_input=False, include_url=False):
        name = str(each["loc"][0])
        told = flag(name) if origins[name] is Origin.COMMAND_LINE else variable(name)
        yield f"{told}: {sentence(each)}"


def _unknown_variables() -> Iterator[str]:
    known = {name.upper() for name in Settings.model_fields}
    for written in sorted(os.environ):
        name = written.upper().removeprefix(PREFIX)
        is_ours = written.upper().startswith(PREFIX) and not is_link_variable(written, os.environ)
        if is_ours and name not in known and written.upper() not in _CLIENT_VARIABLES:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {variable(near[0])}?" if near else ""
            yield f"{written} is not a setting of Darkroom{hint}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, or each of the hosts with commas between them."""
    return all(_is_loopback(each.strip()) for each in host.split(","))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
