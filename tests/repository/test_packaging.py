"""The two distributions declare the right dependencies and commands, and the pinned versions satisfy them."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, requires
from typing import Any, Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from darkroom import __version__
from tests.harness.paths import ROOT

NEEDS_AN_EXTRA: Final = {
    "service.jobs.store.access.postgres_channel": "psycopg",
    "service.observability.tracing.exporting": "opentelemetry",
    "service.observability.tracing.open_telemetry": "opentelemetry",
}
"""Modules that are imported only where an extra is installed, and what they need of it."""
EXTRAS: Final = {"psycopg", "opentelemetry.sdk", "opentelemetry.exporter"}
"""Packages of extras, among them those that share a name with what FastAPI brings."""
IMPORT_WITHOUT: Final = """
import importlib, sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

missing, modules = (set(each.split(",")) for each in sys.argv[1:])
sys.meta_path.insert(0, Missing())
for module in sorted(modules):
    importlib.import_module(module)
"""


def tables(path: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / path).read_text())


def project(path: str) -> dict[str, Any]:
    table: dict[str, Any] = tables(path)["project"]
    return table


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    exact = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in exact}


def needed_by(path: str) -> set[str]:
    """Every distribution that installing a project brings, by the metadata of what is installed here."""
    found: set[str] = {canonicalize_name(Requirement(text).name) for text in project(path)["dependencies"]}
    waiting = list(found)
    while waiting:
        try:
            stated = requires(waiting.pop()) or []
        except PackageNotFoundError:
            continue  # needed on other platforms only
        for requirement in map(Requirement, stated):
            name = canonicalize_name(requirement.name)
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found.add(name)
                waiting.append(name)
    return found


def test_the_client_brings_no_torch_and_nothing_of_the_server() -> None:
    brought = needed_by("client/pyproject.toml")
    assert "httpx2" in brought
    assert not brought & {"torch", "diffusers", "transformers", "numpy", "fastapi", "darkroom-server"}


@pytest.mark.integration
def test_without_extras_every_module_of_the_server_can_be_imported_but_those_of_an_extra() -> None:
    brought = needed_by("pyproject.toml") | needed_by("client/pyproject.toml")
    missing = {
        package
        for package, distributions in packages_distributions().items()
        if not brought & {canonicalize_name(each) for each in distributions}
    } - {"service", "pipelines", "darkroom"}
    paths = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "service").rglob("*.py"))
    modules = {".".join(path.parts) for path in paths if path.name != "__main__" and "migrations" not in path.parts}
    assert NEEDS_AN_EXTRA.keys() <= modules

    command = [sys.executable, "-c", IMPORT_WITHOUT, ",".join({*missing, *EXTRAS})]
    subprocess.run([*command, ",".join(modules - NEEDS_AN_EXTRA.keys())], cwd=ROOT, check=True)


def test_the_client_owns_the_darkroom_command() -> None:
    (command,) = entry_points(group="console_scripts", name="darkroom")
    assert command.value == "darkroom.cli:main"
    assert "scripts" not in project("pyproject.toml")


def test_the_server_adds_its_commands_by_entry_point() -> None:
    (commands,) = entry_points(group="darkroom.commands")
    assert (commands.name, commands.value) == ("server", "service.cli.app:app")


def test_the_version_stands_in_one_place_and_whatever_repeats_it_agrees() -> None:
    server, client = tables("pyproject.toml"), tables("client/pyproject.toml")
    assert server["project"]["dynamic"] == client["project"]["dynamic"] == ["version"]
    assert server["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "client.darkroom._version.__version__"}
    assert client["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "darkroom._version.__version__"}
    assert re.findall(r"^ARG VERSION=(.+)$", (ROOT / "deploy/Dockerfile").read_text(), re.MULTILINE) == [__version__]
    (needed,) = [Requirement(text) for text in server["project"]["dependencies"] if "darkroom-client" in text]
    assert needed.specifier.contains(__version__)


def test_the_client_sets_no_bound_to_the_pythons_of_its_users() -> None:
    assert project("pyproject.toml")["requires-python"] == ">=3.11,<3.15"
    assert project("client/pyproject.toml")["requires-python"] == ">=3.10"


def test_the_sdk_brings_no_command_line_and_retries_by_itself() -> None:
    brought = needed_by("client/pyproject.toml")
    assert not brought & {"typer", "rich", "stamina", "tenacity", "ipython", "pillow"}
    extras = project("client/pyproject.toml")["optional-dependencies"]
    assert {extra: {Requirement(text).name for text in texts} for extra, texts in extras.items()} == {
        "cli": {"pillow", "rich", "typer"},
        "notebook": {"ipython"},
        "pillow": {"pillow"},
    }


@pytest.mark.parametrize("path", ["pyproject.toml", "client/pyproject.toml"])
def test_every_requirement_has_an_exact_version_that_fits_its_range(path: str) -> None:
    exact = pins()
    table = project(path)
    extras = [text for extra in table.get("optional-dependencies", {}).values() for text in extra]
    for requirement in map(Requirement, [*table["dependencies"], *extras]):
        name = canonicalize_name(requirement.name)
        if name != "darkroom-client":
            assert requirement.specifier.contains(exact[name]), requirement


def test_torch_is_pinned_without_a_build_label_so_that_every_build_of_it_fits() -> None:
    assert "+" not in pins()["torch"]
