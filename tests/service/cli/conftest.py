"""The `darkroom` command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.command import Command, run_in_process


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return run_in_process(tmp_path, monkeypatch, capfd)
