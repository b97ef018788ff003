"""The script for a machine without network installs and measures by Python, which only takes notes here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.offline_wheels import LIST
from tests.harness.paths import ROOT

_PYTHON = """#!/bin/sh
echo "$* [PYTHONPATH=${PYTHONPATH:-}]" >>"$NOTES"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the script and an interpreter."""
    folder = tmp_path / "clone"
    (folder / "scripts").mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "gpu_day.sh", folder / "scripts")
    (folder / "python").write_text(_PYTHON)
    (folder / "python").chmod(0o755)
    return folder


def run(clone: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the script. Returns its status and the interpreter's notes."""
    notes = clone / "notes"
    environment = os.environ | {"PYTHON": str(clone / "python"), "NOTES": str(notes), "PYTHONPATH": "/before"}
    done = subprocess.run(["sh", clone / "scripts" / "gpu_day.sh", *arguments], env=environment, check=False)
    return done.returncode, notes.read_text().splitlines() if notes.exists() else []


def test_the_wheels_are_installed_without_network_and_come_before_other_packages(clone: Path) -> None:
    (clone / "build" / "wheels").mkdir(parents=True)
    (clone / "build" / "wheels" / LIST).touch()
    (clone / "build" / "site" / "old").mkdir(parents=True)

    status, (installation, measurement) = run(clone, "--minutes", "9", "--output", "results")

    assert status == 0
    assert "-m pip install" in installation
    assert "--no-index" in installation
    assert f"--target {clone}/build/site" in installation
    assert not (clone / "build" / "site" / "old").exists()
    assert measurement.startswith("-m benchmarks.gpu --since ")
    assert measurement.endswith(f"--minutes 9 --output results [PYTHONPATH={clone}/build/site:/before]")


def test_without_wheels_nothing_is_done(clone: Path) -> None:
    status, notes = run(clone, "--minutes", "9")

    assert status == 1
    assert notes == []
