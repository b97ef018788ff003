"""The server's settings. One declaration a setting: name, type and bounds, default, help.

The variable `DARKROOM_<NAME>`, the flag of `darkroom serve`, its validation, its help and its row in `docs/settings.md`
(`make docs`) all come from that declaration. The declarations are in `service.setting_groups`. This module reads
nothing: `service.environment` does.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic_settings import SettingsConfigDict

from service.setting_groups.access import AccessSettings
from service.setting_groups.edge import EdgeSettings
from service.setting_groups.fields import Section, setting
from service.setting_groups.queue import QueueSettings
from service.setting_groups.storage import StorageSettings
from service.setting_groups.webhooks import WebhookSettings
from service.setting_groups.worker import WorkerSettings

PREFIX: Final = "DARKROOM_"


class Settings(EdgeSettings, AccessSettings, WorkerSettings, QueueSettings, StorageSettings, WebhookSettings):
    """One frozen value, read once at the start and passed down."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "debug, info, warning or error.", Section.LOG, "LEVEL"
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto", "console, json, or auto: console on a terminal, else JSON.", Section.LOG, "FORMAT"
    )


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def flag(name: str) -> str:
    """The flag of a setting, on the command line of `darkroom serve`."""
    return f"--{name.replace('_', '-')}"


def details(name: str) -> dict[str, Any]:
    """A setting's section, metavar and shown default, as `setting` was given them."""
    field = Settings.model_fields[name]
    assert isinstance(field.json_schema_extra, dict), "every field is declared by `setting`"
    return {**field.json_schema_extra, "shown": field.json_schema_extra["shown"] or _spelled(field.default)}


def _spelled(default: object) -> str:
    match default:
        case None:
            return "none"
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}" if default < 1e6 else f"{default:.0f}"
        case _:
            return str(default)
