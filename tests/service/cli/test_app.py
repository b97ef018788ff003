"""`darkroom serve` and `darkroom backup`: every setting is an option, made from its declaration."""

from __future__ import annotations

import re
import unicodedata

import pytest

from service.settings import Settings, details, flag, variable
from tests.harness.command import Command


def words(shown: str) -> str:
    """The help without the boxes and line breaks that the terminal's width brings."""
    plain = "".join(" " if unicodedata.category(each) == "So" else each for each in shown)
    return " ".join(plain.split())


@pytest.fixture
def help_text(command: Command, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "400")
    return words(command("serve", "--help").out)


def test_every_setting_is_an_option_with_its_variable(help_text: str) -> None:
    shown = set(re.findall(r"DARKROOM_[A-Z_]+", help_text))
    assert shown == {variable(name) for name in Settings.model_fields}
    assert set(re.findall(r"--(?!no-|help)[a-z-]+", help_text)) == {flag(name) for name in Settings.model_fields}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_option_shows_what_the_setting_declares(help_text: str, name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description is not None
    assert words(field.description).replace("`", "") in help_text.replace("`", "")
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


def test_a_backup_without_a_database_says_so(command: Command) -> None:
    outcome = command("backup", "copy", "--data-dir", "nothing")
    assert (outcome.status, outcome.out) == (1, "")
    assert "no database" in outcome.err
