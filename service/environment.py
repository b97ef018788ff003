"""Reads the settings from the environment and the command line: the server's only reader of `DARKROOM_*` variables."""

from __future__ import annotations

import difflib
import ipaddress
import os
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from service.link_variables import is_link_url, is_link_variable
from service.settings import PREFIX, Settings, flag, variable

_CLIENT_VARIABLES: Final = frozenset({"DARKROOM_BASE_URL", "DARKROOM_API_KEY"})
"""Variables of the SDK, which may stand in the same environment."""


class SettingsError(Exception):
    """A setting that is unknown or out of range. The message is for the person who started the server."""


def load_settings(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Returns the environment's settings. `overrides`, by name, go before them; None among them means not given.

    Variables that Kubernetes or Docker wrote for a service of our name are ignored. Raises `SettingsError` for any
    other unknown `DARKROOM_*` variable, naming the nearest, and for a value out of range.
    """
    _refuse_unknown_variables()
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    unset = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in Settings.model_fields.items()
        if is_link_url(variable(name), os.environ.get(variable(name), ""))
    }
    try:
        return Settings(**(unset | given))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field_name = str(first["loc"][0])
        told = flag(field_name) if field_name in given else variable(field_name)
        raise SettingsError(f"{told}: {first['msg']}") from None


def _refuse_unknown_variables() -> None:
    known = {name.upper() for name in Settings.model_fields}
    for written in sorted(os.environ):
        name = written.upper().removeprefix(PREFIX)
        is_ours = written.upper().startswith(PREFIX) and not is_link_variable(written, os.environ)
        if is_ours and name not in known and written.upper() not in _CLIENT_VARIABLES:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {variable(near[0])}?" if near else ""
            raise SettingsError(f"{written} is not a setting of Darkroom{hint}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`, or each of the hosts with commas between them."""
    return all(_is_loopback(each.strip()) for each in host.split(","))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
