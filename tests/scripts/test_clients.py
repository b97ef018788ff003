"""The environments of other projects' clients are pinned to the last package, and name no registry."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

from tests.harness.paths import ROOT

_VERSION: Final = r"(@?[a-z][\w/-]+) (\d+\.\d[\w.]*\w)"
"""A package and its version, in a sentence."""
ENVIRONMENTS = sorted(path for path in (ROOT / "tests" / "clients" / "environments").iterdir() if path.is_dir())


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.name)
def test_every_package_of_an_environment_has_one_version(environment: Path) -> None:
    assert sorted(path.name for path in environment.iterdir()) in (
        ["requirements.txt"],
        ["package-lock.json", "package.json"],
    )
    if (environment / "requirements.txt").exists():
        lines = (environment / "requirements.txt").read_text().splitlines()
        assert lines
        assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!+-]+", line)] == []
        return
    wanted = json.loads((environment / "package.json").read_text())["dependencies"]
    lock = json.loads((environment / "package-lock.json").read_text())["packages"]
    assert wanted
    assert lock.pop("")["dependencies"] == wanted
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert {name for name, package in lock.items() if not package["integrity"].startswith("sha512-")} == set()
    assert {name for name, package in lock.items() if "://" in json.dumps(package.get("resolved", ""))} == set()


def test_every_environment_is_used_by_a_test() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests" / "clients").rglob("test_*.py"))
    assert [path.name for path in ENVIRONMENTS if f'"{path.name}"' not in tests] == []


def pinned() -> dict[str, set[str]]:
    """The versions of each package, in all environments."""
    found = defaultdict[str, set[str]](set)
    for environment in ENVIRONMENTS:
        if (environment / "requirements.txt").exists():
            pairs = [line.split("==") for line in (environment / "requirements.txt").read_text().splitlines()]
        else:
            pairs = [*json.loads((environment / "package.json").read_text())["dependencies"].items()]
        for name, version in pairs:
            found[name.replace("_", "-")].add(version)
    return found


def test_the_page_on_clients_names_the_versions_that_are_tried() -> None:
    page = (ROOT / "docs" / "clients.md").read_text()
    told = [pair for line in re.findall(r"^Tried: .*", page, re.MULTILINE) for pair in re.findall(_VERSION, line)]
    versions = pinned()
    known = [(name, version) for name, version in told if name in versions]
    assert len(known) > 10
    assert [(name, version) for name, version in known if version not in versions[name]] == []
