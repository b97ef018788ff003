"""The environments of other projects' clients are pinned to the last package, and name no registry."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.harness.paths import ROOT

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
