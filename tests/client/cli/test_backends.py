"""Subcommands and backends of other distributions are found by their entry points."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.cli import backends


@pytest.fixture
def entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The entry points file of a distribution that is the first on the path."""
    monkeypatch.syspath_prepend(tmp_path)
    metadata = tmp_path / "extension-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: extension\nVersion: 1.0\n")
    (tmp_path / "darkroom_extension.py").write_text(
        "import typer\ncommands = typer.Typer()\n\nclass Backend:\n    pass\n"
    )
    return metadata / "entry_points.txt"


def test_subcommands_are_found_by_entry_point(entry_points: Path) -> None:
    before = len(backends.installed_commands())
    entry_points.write_text(f"[{backends.COMMANDS_GROUP}]\nextension = darkroom_extension:commands\n")
    assert len(backends.installed_commands()) == before + 1


def test_subcommands_that_cannot_be_imported_are_left_out_with_a_warning(
    entry_points: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = len(backends.installed_commands())
    entry_points.write_text(f"[{backends.COMMANDS_GROUP}]\nextension = darkroom_missing:commands\n")
    assert len(backends.installed_commands()) == before
    assert "Warning: the commands of darkroom_missing:commands are not available" in capsys.readouterr().err


def test_the_first_backend_is_used(entry_points: Path) -> None:
    entry_points.write_text(f"[{backends.BACKENDS_GROUP}]\nextension = darkroom_extension:Backend\n")
    assert type(backends.installed_backend()).__module__ == "darkroom_extension"
