"""Collects the packages that Darkroom needs as wheels, for a machine that has no network.

    sh scripts/offline_wheels.sh [--there torch==2.11.0] [--there packages.txt] [--python 3.12] [--output build/wheels]

This machine needs the environment that `make setup-dev` makes, whose metadata says which package needs which; the other
machine runs Linux on an x86-64 processor. Versions come from constraints.txt. `--there` names what the other machine
has: by name, with a version, or as a file of such lines (`pip freeze` writes one). Such a package, and what only it
needs, is left out, unless its version is not one that Darkroom works with.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final, TypeAlias

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
LIST: Final = "requirements.txt"
"""Name of the file, beside the wheels, that lists what is to be installed, with versions."""

_OURS: Final = ("darkroom-server", "darkroom-client")
_FOR_TESTS: Final = ("pytest", "pytest-asyncio", "pytest-timeout")
_FOR_INSTALLATION: Final = ("setuptools",)
"""Carried in any case, and not in the list: pip builds Darkroom with it, apart from what the machine has."""
_GLIBC: Final = range(28, 4, -1)
"""Minor versions of glibc 2 whose wheels the other machine can use. Debian 10 and Ubuntu 20.04 have 2.28 or later."""
_MB: Final = 1e6

Versions: TypeAlias = Mapping[str, str]
"""Versions by canonical name. An empty version is unknown, and taken for a right one."""


def parse_list(lines: Iterable[str]) -> dict[str, str]:
    """Read lines such as `name` and `name==version`. Lines that are no requirement, such as options, are left out."""
    versions: dict[str, str] = {}
    for line in lines:
        try:
            requirement = Requirement(line.partition("#")[0].strip())
        except InvalidRequirement:
            continue
        pinned = [each.version for each in requirement.specifier if each.operator == "=="]
        versions[canonicalize_name(requirement.name)] = pinned[0] if pinned else ""
    return versions


def missing(
    roots: Iterable[Requirement], requires: Callable[[Requirement], Iterable[Requirement]], there: Versions
) -> set[str]:
    """Return the canonical names of what must be installed, so that the roots and all that they need are there."""
    specifiers: dict[str, SpecifierSet] = {}
    visited: set[tuple[str, frozenset[str]]] = set()

    def is_there(name: str) -> bool:
        return name in there and (not there[name] or specifiers[name].contains(there[name], prereleases=True))

    queue = list(roots)
    while queue:
        requirement = queue.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        specifiers[name] = specifiers.get(name, SpecifierSet()) & requirement.specifier
        if not is_there(name) and (name, extras) not in visited:
            visited.add((name, extras))
            queue += requires(requirement)
    return {name for name in specifiers if not is_there(name)}


def installed_requirements(python: str) -> Callable[[Requirement], list[Requirement]]:
    """Return a function from a package to what it needs on Linux with that Python, as its installed metadata says."""
    environment = {
        "implementation_name": "cpython",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }

    def applies(requirement: Requirement, extras: Iterable[str]) -> bool:
        marker = requirement.marker
        return marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras))

    def requires(package: Requirement) -> list[Requirement]:
        found = [Requirement(line) for line in metadata.requires(package.name) or ()]
        return [requirement for requirement in found if applies(requirement, package.extras)]

    return requires


def roots(root: Path = ROOT) -> list[Requirement]:
    """Return what the server and the client need, and what runs the tests."""
    projects = [tomllib.loads((root / folder / "pyproject.toml").read_text()) for folder in (".", "client")]
    lines = [line for project in projects for line in project["project"]["dependencies"]]
    found = [Requirement(line) for line in (*lines, *_FOR_TESTS)]
    return [requirement for requirement in found if canonicalize_name(requirement.name) not in _OURS]


def pins(names: Iterable[str], constraints: Versions) -> list[str]:
    """Return `name==version` for each name, in order. Raises `ValueError` for names without a version."""
    unpinned = sorted(name for name in names if not constraints.get(name))
    if unpinned:
        raise ValueError(f"constraints.txt has no version of {', '.join(unpinned)}")
    return [f"{name}=={constraints[name]}" for name in sorted(names)]


def download_command(folder: Path, python: str, others: Iterable[str] = ()) -> list[str]:
    """Return the pip command that downloads what `LIST` in the folder names, and others, as wheels for the machine."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in _GLIBC] + ["manylinux2014_x86_64", "manylinux1_x86_64"]
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"),
        *("--python-version", python, "--implementation", "cp"),
        *(argument for platform in platforms for argument in ("--platform", platform)),
        *("--dest", str(folder), "--requirement", str(folder / LIST), *others),
    ]


def collect(folder: Path, python: str, there: Versions) -> list[Path]:
    """Replace the folder by one with the wheels and their list, and return the wheels. Raises `CalledProcessError`."""
    constraints = parse_list((ROOT / "constraints.txt").read_text().splitlines())
    listed = pins(missing(roots(), installed_requirements(python), there), constraints)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / LIST).write_text("\n".join(listed) + "\n")
    subprocess.run(download_command(folder, python, pins(_FOR_INSTALLATION, constraints)), check=True)
    return sorted(folder.glob("*.whl"))


def read_there(arguments: Iterable[str]) -> dict[str, str]:
    """Read the values of `--there`: packages, and files that list packages."""
    versions: dict[str, str] = {}
    for argument in arguments:
        path = Path(argument)
        versions |= parse_list(path.read_text().splitlines() if path.is_file() else re.split(r"[\s,]+", argument))
    return versions


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--there", action="append", help="a package that the machine has, or a file of them")
    parser.add_argument("--python", default="3.12", help="the machine's version of Python")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "wheels", help="folder to replace")
    chosen = parser.parse_args(arguments)
    wheels = collect(chosen.output, chosen.python, read_there(chosen.there or ["torch"]))
    sizes = sorted(((wheel.stat().st_size, wheel.name) for wheel in wheels), reverse=True)
    for size, name in sizes:
        sys.stdout.write(f"{size / _MB:6.1f} MB  {name}\n")
    sys.stdout.write(f"{sum(size for size, _ in sizes) / _MB:6.1f} MB  {len(wheels)} wheels in {chosen.output}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
