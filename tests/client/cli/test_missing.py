"""The server's commands where only the client is installed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer

from darkroom.cli.app import build_app, run
from darkroom.cli.commands import models
from darkroom.cli.missing import SERVER_COMMANDS
from service.cli.app import app as server_commands
from tests.harness.paths import ROOT


@pytest.mark.parametrize("name", SERVER_COMMANDS)
def test_a_command_of_the_server_says_how_to_get_it(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(build_app([], lambda: None), [name, "--port", "80", "--help"]) == 1
    said = capsys.readouterr().err
    assert f"`darkroom {name}` is part of the server" in said
    assert "pip install" in said


def test_the_servers_own_commands_are_not_replaced() -> None:
    app = build_app([server_commands], lambda: None)
    assert not {info.name for info in app.registered_commands} & set(SERVER_COMMANDS)


def test_a_hint_is_given_for_each_command_that_the_server_has() -> None:
    commands = {info.name or getattr(info.callback, "__name__", "") for info in server_commands.registered_commands}
    groups = {info.name for info in server_commands.registered_groups}
    assert commands | groups == {*SERVER_COMMANDS, models.NAME}, "the client has a group `models` of its own"


@pytest.mark.integration
def test_without_the_extra_the_command_says_how_to_get_it() -> None:
    program = "import sys; sys.modules['typer'] = None; from darkroom.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "client")}
    done = subprocess.run(
        [sys.executable, "-c", program, "generate", "x"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Error: the darkroom command needs more than the SDK. Install it: pip install 'darkroom-client[cli]'\n"
    )


def test_the_help_does_not_list_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    run(build_app([typer.Typer()], lambda: None), ["--help"])
    assert "backup" not in capsys.readouterr().out
