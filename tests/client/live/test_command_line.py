"""The `darkroom` command in a process of its own, against a real server with the bundled model."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from darkroom import Darkroom
from tests.harness.bundled_server import BundledServer
from tests.harness.paths import ROOT
from tests.harness.wire.http_server import wait_until

COMMAND = [sys.executable, "-c", "from darkroom.cli.app import main; main()"]


def environment(server: BundledServer) -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}", "DARKROOM_BASE_URL": server.url}


def run(server: BundledServer, folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what the command prints as JSON."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--json"], cwd=folder, env=environment(server), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_batch_is_made_and_its_files_tell_how(bundled: BundledServer, tmp_path: Path) -> None:
    batch = ("generate", "a red circle", "a blue star", "--seed", "7", "--steps", "3", "-o", "images/")
    made = run(bundled, tmp_path, *batch, "--grid", "sheet.png")
    first, second = made["images"]
    assert [(image["status"], image["seed"], image["size"]) for image in (first, second)] == [
        ("made", 7, "128x128")
    ] * 2
    assert (tmp_path / "sheet.png").is_file()
    (info,) = run(bundled, tmp_path, "info", second["path"])["files"]
    assert (info["prompt"], info["settings"]["Seed"], info["settings"]["Steps"]) == ("a blue star", "7", "3")

    (tmp_path / first["path"]).unlink()
    again = run(bundled, tmp_path, *batch)
    assert [image["status"] for image in again["images"]] == ["made", "skipped"]
    assert run(bundled, tmp_path, "jobs", "show", first["job_id"])["status"] == "succeeded"


def test_an_image_is_edited_and_parameters_compared(bundled: BundledServer, tmp_path: Path) -> None:
    Image.new("RGB", (128, 128), (220, 40, 40)).save(tmp_path / "red.png")
    told = run(bundled, tmp_path, "xyz", "a circle", "--image", "red.png", "--steps", "3", "--x", "strength=0.4,1")
    assert [image["size"] for image in told["images"]] == ["128x128"] * 2
    with Image.open(tmp_path / told["grid"]) as grid:
        assert grid.width > 2 * 128


def test_control_c_cancels_the_jobs_on_the_server(bundled: BundledServer, tmp_path: Path) -> None:
    arguments = [*COMMAND, "generate", "a green heart", "--count", "3", "--steps", "150", "-o", "images/"]
    # A process that was started in the background of a script ignores Ctrl-C, and passes that on to its children.
    arguments[2] = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {arguments[2]}"
    with (
        Darkroom(base_url=bundled.url) as client,
        subprocess.Popen(arguments, cwd=tmp_path, env=environment(bundled), stderr=subprocess.PIPE) as process,
    ):
        try:
            wait_until(lambda: len(unfinished(client)) == 3)
            ids = unfinished(client)
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            process.kill()
        assert [client.jobs.get(job_id).status for job_id in ids] == ["canceled"] * 3


def unfinished(client: Darkroom) -> list[str]:
    return [job.id for job in client.jobs.list() if not job.ended and job.request.prompts == ["a green heart"]]
