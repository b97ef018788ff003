"""Tables and JSON."""

from __future__ import annotations

import json

import pytest

from darkroom.cli.terminal.printing import print_json, print_table, print_text


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("ID", "STATUS"), ("job_1", "queued")])
    assert capsys.readouterr().out == "ID     STATUS\njob_1  queued\n"


def test_json_keeps_letters_readable(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"prompt": "Äpfel"})
    assert '"Äpfel"' in capsys.readouterr().out


@pytest.mark.parametrize("command", ["\x1b]0;title\x07", "\x9b2J", "\r", "\x7f", "\u202egnp.exe"])
def test_what_others_wrote_commands_no_terminal(capsys: pytest.CaptureFixture[str], command: str) -> None:
    print_text(f"a red circle, {command}\n\ton white")
    print_table([(command,)])
    print_json({"prompt": command})
    shown = capsys.readouterr().out
    assert "a red circle, " in shown
    assert "\n\ton white" in shown
    assert not [character for character in command if not character.isprintable() and character in shown]
    assert json.loads(shown[shown.index("{") :]) == {"prompt": command}
