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


def pins_of(environment: Path) -> dict[str, str]:
    """The packages of an environment with their versions: for Python all of them, for node those that are asked for."""
    if (environment / "requirements.txt").exists():
        lines = (environment / "requirements.txt").read_text().splitlines()
        pairs = dict(line.split("==") for line in lines)
    else:
        pairs = json.loads((environment / "package.json").read_text())["dependencies"]
    return {name.replace("_", "-"): version for name, version in pairs.items()}


def named_on_the_page() -> list[tuple[str, str]]:
    """The packages with their versions that the page says were tried."""
    page = (ROOT / "docs" / "clients.md").read_text()
    paragraphs = re.findall(r"^Tried: .*(?:\n.+)*", page, re.MULTILINE)
    return [pair for paragraph in paragraphs for pair in re.findall(_VERSION, paragraph)]


def test_the_page_on_clients_names_the_versions_that_are_tried() -> None:
    versions = defaultdict[str, set[str]](set)
    for environment in ENVIRONMENTS:
        for name, version in pins_of(environment).items():
            versions[name].add(version)
    known = [(name, version) for name, version in named_on_the_page() if name in versions]
    assert len(known) > 10
    assert [(name, version) for name, version in known if version not in versions[name]] == []


def test_the_page_on_clients_names_a_package_of_every_environment() -> None:
    named = set(named_on_the_page())
    assert [each.name for each in ENVIRONMENTS if named.isdisjoint(pins_of(each).items())] == []
