"""Reads the settings from the environment and the command line: the server's only reader of `DARKROOM_*` variables."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from service.settings import PREFIX, Settings, flag, variable

_CLIENT_VARIABLES: Final = frozenset({"DARKROOM_BASE_URL", "DARKROOM_API_KEY"})
"""Variables of the SDK, which may stand in the same environment."""


class SettingsError(Exception):
    """A setting that is unknown or out of range. The message is for the person who started the server."""


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Returns the environment's settings. `overrides`, by name, go before them; None among them means not given.

    Raises `SettingsError` for an unknown `DARKROOM_*` variable, naming the nearest, and for a value out of range.
    """
    names = {variable(name) for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in names | _CLIENT_VARIABLES:
            near = difflib.get_close_matches(name.upper(), sorted(names), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{name} is not a setting of Darkroom{hint}")
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        name = flag(field) if field in given else variable(field)
        raise SettingsError(f"{name}: {first['msg']}") from None


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
