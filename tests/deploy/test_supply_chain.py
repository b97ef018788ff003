"""Whatever others made comes by its digest: packages, images, actions. An altered wheel is not installed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.files import instructions
from tests.harness.paths import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
NAME = "darkroom_probe"


def wheel(folder: Path, body: str) -> Path:
    """The smallest wheel that pip installs."""
    path = folder / f"{NAME}-1.0-py3-none-any.whl"
    about = f"{NAME}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NAME}.py", body)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", f"{NAME}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return path


def options_of_the_image() -> list[str]:
    """The options of pip in the Dockerfile for the locked packages, without the addresses."""
    (line,) = [each for each in instructions("RUN") if "--requirement darkroom.txt" in each]
    return re.findall(r"--[a-z-]+(?:=\S+)?", line.split("pip install")[1].split("--target")[0])


def install(folder: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pip", "install", *options_of_the_image(), "--no-index", "--no-cache-dir")
    places = ("--find-links", folder, "--target", folder / "site", "--requirement", folder / "lock.txt")
    return subprocess.run([*command, *places], capture_output=True, text=True, check=False)


@pytest.mark.integration
def test_a_wheel_that_was_altered_is_not_installed(tmp_path: Path) -> None:
    made = wheel(tmp_path, "value = 1\n")
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    (tmp_path / "lock.txt").write_text(f"{NAME}==1.0 \\\n    --hash=sha256:{digest}\n")
    assert install(tmp_path).returncode == 0

    wheel(tmp_path, "value = 2\n")
    refused = install(tmp_path)
    assert refused.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in refused.stderr


def test_the_image_takes_nothing_from_an_address_of_its_own() -> None:
    assert not instructions("ADD")
    assert not [line for line in instructions("RUN") if re.search(r"\b(curl|wget|git)\b", line)]


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in yaml.safe_load(path.read_text())["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_taken_by_its_commit_and_told_by_its_version(path: Path) -> None:
    used = re.findall(r"uses: (.+)", path.read_text())
    assert len(used) == sum("uses" in step for step in steps(path)) > 0
    for each in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_and_keeps_no_credentials(path: Path) -> None:
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}
    for step in steps(path):
        if "actions/checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


def test_every_package_of_the_page_has_its_digest() -> None:
    packages: dict[str, dict[str, Any]] = json.loads((ROOT / "web" / "package-lock.json").read_text())["packages"]
    others = {name: package for name, package in packages.items() if name and not package.get("link")}
    assert len(others) > 10
    assert [
        name for name, package in others.items() if not str(package.get("integrity", "")).startswith("sha512-")
    ] == []
