"""`darkroom serve` and `darkroom backup`: every setting is an option, and a bad one ends the command."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest

from service.settings import Settings, details, flag, variable
from tests.harness.command import Command
from tests.service.links import LINKS


def plain(shown: str) -> str:
    """Returns help without the boxes and line breaks that depend on the width of the terminal."""
    text = "".join(" " if unicodedata.category(each) == "So" else each for each in shown)
    return " ".join(text.split())


@pytest.fixture
def help_text(command: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "400")
    return plain(command("serve", "--help").out)


def test_every_setting_is_an_option_with_its_variable(help_text: str) -> None:
    shown = set(re.findall(r"DARKROOM_[A-Z_]+", help_text))
    assert shown == {variable(name) for name in Settings.model_fields}
    assert set(re.findall(r"--(?!no-|help)[a-z-]+", help_text)) == {flag(name) for name in Settings.model_fields}


def test_every_option_shows_the_sentence_and_the_default_of_its_setting(help_text: str) -> None:
    for name, field in Settings.model_fields.items():
        assert field.description is not None
        assert plain(field.description).replace("`", "") in help_text.replace("`", "")
        if field.default is not None and not isinstance(field.default, bool):
            assert f"[env var: {variable(name)}] [default: {details(name)['shown']}]" in help_text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "banana"], "--port"),
        (["--max-rows", "1"], "--max-rows"),
        (["--compile", "yes"], "--compile"),
        (["--drain-timeout-s", "-1"], "--drain-timeout-s"),
    ],
)
def test_a_bad_value_ends_the_command_and_names_the_option(command: Command, arguments: list[str], told: str) -> None:
    outcome = command("serve", *arguments)
    assert outcome.status == 2
    assert told in outcome.err


def test_a_check_tells_all_faults_of_the_file_with_status_1_and_those_of_options_with_2(command: Command) -> None:
    Path("darkroom.toml").write_text("prot = 1\nexact = 1\n")
    outcome = command("check")
    assert (outcome.status, outcome.err) == (1, "")
    assert (
        "failed  settings  darkroom.toml, line 1: prot is not a setting of Darkroom; did you mean port?" in outcome.out
    )
    assert "failed  settings  darkroom.toml, line 2: exact: " in outcome.out

    report = json.loads(command("check", "--json").out)
    assert (report["ok"], len(report["checks"])) == (False, 2)
    assert command("check", "--config", "none", "--port", "banana").status == 2
    assert command("check", "--prot", "1").status == 2


def test_every_command_that_reads_settings_takes_the_file(command: Command) -> None:
    Path("x.toml").write_text("exact = 1")
    for words in (["keys", "list"], ["models", "check", "x"], ["health"], ["backup", "x"]):
        outcome = command(*words, "--config", "x.toml")
        assert (outcome.status, "x.toml, line 1: exact" in outcome.err) == (2, True), words


def test_serve_ignores_services_of_its_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "1")  # This keeps the command from serving until Ctrl-C.
    outcome = command("serve")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "DARKROOM_MAX_ROWS" in outcome.err
    assert "PORT" not in outcome.err


def test_a_backup_without_a_database_fails_and_says_so(command: Command) -> None:
    outcome = command("backup", "copy", "--data-dir", "nothing")
    assert (outcome.status, outcome.out) == (1, "")
    assert "no database" in outcome.err


def test_a_backup_of_an_unknown_kind_of_database_is_refused(command: Command) -> None:
    outcome = command("backup", "copy", "--database-url", "mysql://localhost/x")
    assert (outcome.status, outcome.out) == (2, "")
