"""Both distributions as a user gets them: built, installed into an empty folder, and run from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import __version__
from tests.harness.paths import ROOT
from tests.levels import integration_fixture

_SOURCE = ("LICENSE", "MANIFEST.in", "README.md", "client", "pipelines", "pyproject.toml", "service")
_LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")


def _run(*command: str | Path, cwd: Path, site: Path | None = None) -> str:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    if site is not None:
        environment |= {"PYTHONPATH": str(site), "HOME": str(site)}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
@integration_fixture
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The client's and the server's, each built from its source distribution, as `python -m build` does."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    for name in _SOURCE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=_LEFT_BEHIND)
        else:
            shutil.copy(ROOT / name, source / name)
    for project in ("client", "."):
        _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, project, cwd=source)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that both are installed into. What they need is taken from the tests' own environment."""
    site = tmp_path_factory.mktemp("site")
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site)
    _run(*install, *wheels, cwd=site)
    return site


def _files(*packages: Path) -> Iterator[str]:
    for package in packages:
        for file in package.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(package.parent).as_posix()


def test_the_wheels_carry_the_version_and_every_file_of_their_packages_and_no_other(wheels: list[Path]) -> None:
    client, server = wheels
    assert client.name == f"darkroom_client-{__version__}-py3-none-any.whl"
    assert server.name == f"darkroom_server-{__version__}-py3-none-any.whl"
    assert _packaged(client) == set(_files(ROOT / "client/darkroom"))
    assert _packaged(server) == set(_files(ROOT / "pipelines", ROOT / "service"))


def _packaged(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def test_the_installed_command_has_the_servers_subcommands_and_the_version(site: Path, tmp_path: Path) -> None:
    command = (sys.executable, site / "bin/darkroom")
    help_ = _run(*command, "--help", cwd=tmp_path, site=site)
    assert all(name in help_ for name in ("generate", "models", "serve", "backup"))
    assert _run(*command, "--version", cwd=tmp_path, site=site) == f"darkroom {__version__}\n"


def test_the_installed_packages_are_typed_and_bring_the_bundled_model(site: Path, tmp_path: Path) -> None:
    program = "import darkroom, pipelines, service; print(darkroom.__file__, pipelines.__file__, service.__file__)"
    places = _run(sys.executable, "-c", program, cwd=tmp_path, site=site).split()
    assert places == [str(site / name / "__init__.py") for name in ("darkroom", "pipelines", "service")]
    assert all((Path(place).parent / "py.typed").exists() for place in places)
    load = (
        "from pipelines.checkpoints import loader\n"
        "print(loader.load(str(loader.bundled_model_path()), device='cpu').info.name)\n"
    )
    assert _run(sys.executable, "-c", load, cwd=tmp_path, site=site) == "bundled\n"
