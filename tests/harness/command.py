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


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exit status and output of the command."""

    status: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Outcome]


def run_in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command: `command("generate", ..., backend=...)`.

    It runs in an empty folder, without any `DARKROOM_*` variable, and with `backend` as the local backend.
    """
    for name in [name for name in os.environ if name.startswith("DARKROOM_")]:
        monkeypatch.delenv(name)
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
