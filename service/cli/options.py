"""The settings as options of a typer command, made from their declarations."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

import typer

from service.setting_groups.fields import Section
from service.settings import CONFIG, Settings, details, flag, variable

OWNER_ALONE: Final = 0o077
"""The umask of commands that write prompts, images and keys, so that no other user of the machine may read them."""

STORE: Final = ("data_dir", "database_url", "database_password_file")
"""The settings that name the store."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def with_settings(*names: str) -> Callable[[CommandT], CommandT]:
    """Gives a command whose last parameter is `**given` an option for each of these settings, and for their file.

    Values arrive as they were typed, or as None: `service.environment` checks and reads them.
    """

    def decorate(command: CommandT) -> CommandT:
        signature = inspect.signature(command, eval_str=True)
        own = [each for each in signature.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        options = [_option(name) for name in sorted(dict.fromkeys((CONFIG, *names)), key=_section_number)]
        # inspect.signature, and so typer, reads `__signature__` (PEP 362), which mypy does not know of on functions.
        command.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return command

    return decorate


def typed(context: typer.Context) -> Mapping[str, Any]:
    """Returns the settings on the command line; the environment is read elsewhere."""
    return {
        name: value
        for name, value in context.params.items()
        if name in Settings.model_fields
        and (source := context.get_parameter_source(name)) is not None
        and source.name == "COMMANDLINE"
    }


def chosen_settings(context: typer.Context) -> Settings:
    """Returns the settings of a command. Raises `typer.BadParameter` where they are wrong."""
    from service.environment import SettingsError, load_settings

    try:
        return load_settings(typed(context))
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def store_settings(context: typer.Context) -> Settings:
    """Returns the settings of a command on the store, and prepares the process to open it."""
    from service.observability import logs

    settings = chosen_settings(context)
    logs.configure("error", "console")
    os.umask(OWNER_ALONE)
    return settings


def _section_number(name: str) -> int:
    """Returns the place of a setting's section on the page of settings. The help shows the sections in this order."""
    return list(Section).index(details(name)["section"])


def _option(name: str) -> inspect.Parameter:
    """Returns the option of a setting. Its default is only shown: `typed` passes on only the command line."""
    field, about = Settings.model_fields[name], details(name)
    is_switch = field.annotation is bool
    option = typer.Option(
        f"{flag(name)}/--no-{flag(name).removeprefix('--')}" if is_switch else flag(name),
        envvar=variable(name),
        help=field.description,
        metavar="" if is_switch else about["metavar"],
        rich_help_panel=about["section"],
    )
    default: Any = field.default if is_switch or field.default is None else about["shown"]
    kind: Any = bool if is_switch else str if default is not None else str | None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
