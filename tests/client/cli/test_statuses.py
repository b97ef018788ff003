"""The exit statuses: each is explained in the help and in the documentation."""

from __future__ import annotations

from darkroom.cli.statuses import MEANINGS, CommandError, Status, Stopped
from tests.harness.command import Command
from tests.harness.paths import ROOT


def test_every_status_is_explained() -> None:
    assert set(MEANINGS) == set(Status)


def test_the_documentation_has_the_table() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    assert all(f"| {status} | {meaning} |" in page for status, meaning in MEANINGS.items())


def test_the_help_lists_them(command: Command) -> None:
    out = command("--help").out
    assert [
        line.split()[0] for line in out.splitlines() if line.split()[:1] in ([f"{status}"] for status in Status)
    ] == [f"{status}" for status in Status]


def test_errors_have_a_status() -> None:
    assert CommandError("It failed.").exit_code == Status.FAILED
    assert Stopped("Stopped.").exit_code == Status.INTERRUPTED
