"""The server's settings. Each is declared once, with its name, type, bounds, default and help.

The variable `DARKROOM_<NAME>`, the flag of `darkroom serve`, the key in `darkroom.toml`, its validation, its help and
its row in `docs/settings.md` (`make docs`) all come from that declaration. The declarations are in
`service.setting_groups`. This module reads nothing; `service.environment` and `service.config_file` do.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic_settings import SettingsConfigDict

from service.setting_groups.access import AccessSettings
from service.setting_groups.edge import EdgeSettings
from service.setting_groups.fields import OptionalFolder, Section, setting
from service.setting_groups.moderation import ModerationSettings
from service.setting_groups.queue import QueueSettings
from service.setting_groups.storage import StorageSettings
from service.setting_groups.webhooks import WebhookSettings
from service.setting_groups.worker import WorkerSettings

PREFIX: Final = "DARKROOM_"
CONFIG: Final = "config"
"""The setting that names the file with the others. It cannot be in that file itself."""


class Settings(
    EdgeSettings,
    AccessSettings,
    WorkerSettings,
    QueueSettings,
    StorageSettings,
    WebhookSettings,
    ModerationSettings,
):
    """All settings, frozen: they are read once at the start and passed down."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    config: OptionalFolder = setting(
        None,
        "File with settings. Variables and flags take precedence over it. By default, it is darkroom.toml in the "
        "folder in which the server starts, if that file exists. With 0 or none, no file is read.",
        Section.FILE,
        "FILE",
        shown="darkroom.toml",
    )

    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Lowest level that is logged: debug, info, warning or error.", Section.LOG, "LEVEL"
    )
    log_format: Literal["auto", "console", "json"] = setting(
        "auto",
        "Format of the log: console, json, or auto, which is console on a terminal and json elsewhere.",
        Section.LOG,
        "FORMAT",
    )
    tracing: bool = setting(
        False,
        "Send spans of requests and jobs to the OpenTelemetry collector that the OTEL_* variables name. This requires "
        "the extra `tracing` (docs/tracing.md).",
        Section.LOG,
        "",
    )


FILE_KEYS: Final = tuple(name for name in Settings.model_fields if name != CONFIG)
"""The names of the settings that `darkroom.toml` may have."""


def variable(name: str) -> str:
    """Returns the environment variable of a setting."""
    return f"{PREFIX}{name.upper()}"


def flag(name: str) -> str:
    """Returns the flag of a setting, on the command line of `darkroom serve`."""
    return f"--{name.replace('_', '-')}"


def details(name: str) -> dict[str, Any]:
    """Returns a setting's section, metavar, shown default and form in the file, which were given to `setting`."""
    field = Settings.model_fields[name]
    assert isinstance(field.json_schema_extra, dict), "every field is declared by `setting`"
    return {**field.json_schema_extra, "shown": field.json_schema_extra["shown"] or spelled(field.default)}


def spelled(value: object) -> str:
    """Returns the value of a setting as people write it."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}" if value < 1e6 else f"{value:.0f}"
        case _:
            return str(value)
