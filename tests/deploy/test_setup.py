"""`deploy/setup.sh`: secrets and variables for a first start, and the systemd unit for one without containers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.engine.frontend.supervisor import IDLE_EXIT_S
from service.jobs.execution.runner import LAST_WRITES_S
from service.jobs.store.access.writers import CLOSE_S
from service.server.listeners import LAST_ANSWERS_S
from service.settings import Settings
from tests.deploy.files import DEPLOY, compose
from tests.harness.programs.finding import find_program

UNIT = (DEPLOY / "darkroom.service").read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("setup.sh", ".env.example"):
        shutil.copy(DEPLOY / name, tmp_path)
    return tmp_path


def set_up(folder: Path) -> str:
    return subprocess.run(["sh", folder / "setup.sh"], check=True, capture_output=True, text=True).stderr


@pytest.mark.integration
def test_it_makes_every_secret_of_the_compose_file_for_its_owner_alone(folder: Path) -> None:
    set_up(folder)
    made = {path.name: path for path in (folder / "secrets").iterdir()}
    assert set(made) == set(compose()["secrets"])
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.values()} == {0o444}
    texts = [path.read_text() for path in made.values()]
    assert all(re.fullmatch(r"[0-9a-f]{64}\n", text) for text in texts)
    assert len(set(texts)) == len(texts)


@pytest.mark.integration
def test_it_leaves_alone_what_exists(folder: Path) -> None:
    assert "deploy/.env" in set_up(folder)
    (folder / ".env").write_text("COMPOSE_PROFILES=gpu\n")
    before = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert set_up(folder) == ""
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.integration
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "darkroom.service"
    unit.write_text(UNIT.replace("/opt/darkroom/.venv/bin/darkroom", sys.executable))
    done = subprocess.run(
        [find_program("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_gives_the_server_time_to_stop_and_no_rights() -> None:
    (given,) = re.findall(r"^TimeoutStopSec=(\d+)$", UNIT, re.MULTILINE)
    exit_s = Settings().drain_timeout_s + IDLE_EXIT_S + LAST_ANSWERS_S + LAST_WRITES_S + CLOSE_S
    assert float(given) > exit_s
    for line in ("DynamicUser=yes", "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict"):
        assert f"\n{line}\n" in UNIT
