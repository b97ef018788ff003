"""Runs the `darkroom` command in the test's process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from darkroom.cli.app import build_app, run
from darkroom.cli.backends import Backend
from service.cli.app import app as server_commands
from tests.harness.paths import ROOT

_OF_THE_TESTS = ("DARKROOM_DATA_DIR", "DARKROOM_CACHE_DIR")
"""Variables of `tests/conftest.py`, which keep the command away from the user's own data."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit status and output of the command."""

    status: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Outcome]


def run_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command: `command("generate", ..., backend=...)`.

    It runs in an empty folder, with no `DARKROOM_*` variable but those of the tests' own folders, and with `backend` as
    the local backend. The processes that it starts find the code under test, though they start in another folder: the
    packages that are installed may be those of another checkout.
    """
    for name in [name for name in os.environ if name.startswith("DARKROOM_") and name not in _OF_THE_TESTS]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'client'}")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, backend: Backend | None = None) -> Outcome:
        umask = os.umask(0o022)
        try:
            status = run(build_app([server_commands], lambda: backend), arguments)
        finally:
            os.umask(umask)
        out, err = capfd.readouterr()
        return Outcome(status, out, err)

    return call
