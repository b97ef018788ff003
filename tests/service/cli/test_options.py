"""Settings become options of a command, and what stands on the command line becomes settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from service.cli.options import typed, with_settings
from service.environment import load_settings
from service.setting_groups.fields import Section
from service.settings import Settings


@pytest.fixture
def run() -> Any:
    """Runs a command with three settings and an argument of its own. Returns what was typed."""
    app = typer.Typer(add_completion=False)
    seen: list[tuple[str, Mapping[str, Any]]] = []

    @app.command()
    @with_settings("port", "exact", "embed_parameters")
    def command(context: typer.Context, name: str, **given: object) -> None:
        seen.append((name, typed(context)))

    def run(*arguments: str, **environment: str) -> tuple[str, Mapping[str, Any]]:
        outcome = CliRunner().invoke(app, ["x", *arguments], env=environment)
        assert outcome.exit_code == 0, outcome.output
        return seen.pop()

    return run


def test_nothing_is_typed_unless_it_stands_on_the_command_line(run: Any) -> None:
    assert run() == ("x", {})
    assert run(DARKROOM_PORT="9000") == ("x", {})


def test_values_arrive_as_they_were_typed(run: Any) -> None:
    assert run("--port", "80") == ("x", {"port": "80"})
    assert run("--port", "banana") == ("x", {"port": "banana"})
    assert run("--port", "80", DARKROOM_PORT="9000") == ("x", {"port": "80"})


def test_a_switch_can_be_turned_on_and_off(run: Any) -> None:
    assert run("--exact", "--no-embed-parameters") == ("x", {"exact": True, "embed_parameters": False})


def test_what_was_typed_can_be_loaded(run: Any) -> None:
    _, given = run("--port", "80", "--exact")
    settings = load_settings(given)
    assert (settings.port, settings.exact, settings.embed_parameters) == (80, True, True)


def test_the_help_shows_the_sections_in_the_order_of_the_page_of_settings() -> None:
    app = typer.Typer(add_completion=False)

    @app.command()
    @with_settings(*Settings.model_fields)
    def command(context: typer.Context, **given: object) -> None:
        """Do nothing."""

    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}).output
    panels = re.findall(r"╭─ ([^─]+) ─", shown)
    assert panels == ["Options", *Section]
