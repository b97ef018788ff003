"""Only their user can read files that `darkroom serve` and `darkroom backup` write; files of secrets are checked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

pytestmark = pytest.mark.integration


def darkroom(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, with the umask with which most systems start it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DARKROOM_")}
    return subprocess.run(
        [sys.executable, "-c", "from darkroom.cli.app import main; main()", *arguments],
        env={**kept, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", **variables},
        umask=0o022,
        capture_output=True,
        text=True,
        check=False,
    )


def serve_nothing(data_dir: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Starts a server whose model does not exist, so that it ends by itself once its job store is open."""
    common = ["--data-dir", str(data_dir), "--cache-dir", "none", "--port", "0", "--admin-port", "0"]
    return darkroom("serve", "--model", "nobody/nothing", *common, *options, **variables)


def open_to_others(folders: Sequence[Path]) -> set[str]:
    paths = [path for folder in folders for path in (folder, *folder.rglob("*"))]
    return {str(path) for path in paths if path.stat().st_mode & 0o077}


def test_only_their_user_can_read_the_data_and_a_backup(tmp_path: Path) -> None:
    data, copy = tmp_path / "data", tmp_path / "copies" / "first"
    assert serve_nothing(data).returncode == 1
    assert darkroom("backup", str(copy), "--data-dir", str(data)).returncode == 0

    assert {path.name for path in copy.iterdir()} >= {"jobs.sqlite3", "link_key"}
    assert (copy / "link_key").read_text() == (data / "link_key").read_text()
    assert open_to_others([data, copy.parent]) == set()


@pytest.mark.parametrize("command", ["serve", "backup"])
def test_a_missing_file_for_the_databases_password_is_one_sentence(tmp_path: Path, command: str) -> None:
    variables = {
        "DARKROOM_DATABASE_URL": "postgresql://darkroom@db/jobs",
        "DARKROOM_DATABASE_PASSWORD_FILE": str(tmp_path / "none"),
    }
    if command == "serve":
        done = serve_nothing(tmp_path / "data", **variables)
    else:
        done = darkroom("backup", str(tmp_path / "copy"), **variables)

    assert done.returncode in (1, 2)
    assert f"The database's password cannot be read from {tmp_path}/none (No such file or directory)." in " ".join(
        (done.stdout + done.stderr).split()
    )
    assert "Traceback" not in done.stdout + done.stderr
