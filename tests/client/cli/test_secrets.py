"""The command tells nobody its key: not in its output, and not to those who list processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.command import Command

KEY = "dk_cAnArY8"


@pytest.mark.integration
@pytest.mark.parametrize("arguments", [("models",), ("jobs", "list", "--json"), ("generate", "a red circle")])
def test_the_key_is_not_in_the_output_of_the_command(
    command: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "key"
    file.write_text(KEY)
    outcome = command(*arguments, "--server", "http://127.0.0.1:1", "--api-key-file", str(file))
    assert outcome.status != 0
    assert "127.0.0.1:1" in outcome.err
    assert "cAnArY8" not in outcome.out + outcome.err


def test_there_is_no_option_for_the_key_itself(command: Command) -> None:
    outcome = command("models", "--api-key", KEY)
    assert outcome.status == 2
    assert KEY not in outcome.err


def test_a_key_that_is_given_for_its_file_is_not_repeated(command: Command) -> None:
    outcome = command("models", "--server", "http://127.0.0.1:1", "--api-key-file", KEY)
    assert outcome.status == 2
    assert "No such file" in outcome.err
    assert KEY not in outcome.err
