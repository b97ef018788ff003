"""Tables and JSON."""

from __future__ import annotations

import pytest

from darkroom.cli.terminal.printing import print_json, print_table


def test_columns_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("ID", "STATUS"), ("job_1", "queued")])
    assert capsys.readouterr().out == "ID     STATUS\njob_1  queued\n"


def test_json_keeps_letters_readable(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"prompt": "Äpfel"})
    assert '"Äpfel"' in capsys.readouterr().out
