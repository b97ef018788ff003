"""Builds the container image without a container engine, and runs its root.

buildah executes deploy/Dockerfile. Its base cannot be pulled everywhere, so it is a Debian of the same release and
Python that mmdebstrap makes. pip fetches the locked wheels by its own configuration, and the build then takes them from
a folder. Both are kept in build/e2e.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from scripts.lock import LOCKS, PYTHON
from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program
from tests.harness.programs.running import call, running

KEPT: Final = ROOT / "build" / "e2e"
USER: Final = 10001
_BASE: Final = "localhost/darkroom-base:bookworm"
_SUITE: Final = "bookworm"
_ENTER: Final = Path(__file__).with_name("enter.py")
_GLIBC: Final = range(36, 4, -1)
"""Minor versions of glibc 2 whose wheels the image can use."""
_NAMESPACES: Final = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its root, which is mounted, and its configuration."""

    root: Path
    config: Mapping[str, Any]

    def command(self, data: Path, *arguments: str) -> list[str | Path]:
        """Return the command that runs the entrypoint with these arguments as a container engine does."""
        program = [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]
        return self.inside(data, *program)

    def inside(self, data: Path, *program: str) -> list[str | Path]:
        user = self.config["User"].partition(":")[0]
        return ["unshare", *_NAMESPACES, sys.executable, _ENTER, self.root, data, user, *program]

    def environment(self, **variables: str) -> dict[str, str]:
        return dict(each.split("=", 1) for each in self.config["Env"]) | variables

    def call(self, data: Path, *program: str, **variables: str) -> str:
        return call(*self.inside(data, *program), env=self.environment(**variables))

    @contextlib.contextmanager
    def served(self, data: Path, log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
        with running(self.command(data), log, environment=self.environment(**variables)) as process:
            yield process


class Builder:
    """buildah, with its storage in one folder."""

    def __init__(self, storage: Path) -> None:
        self._storage = storage
        self._program = find_program("buildah")

    def __call__(self, *arguments: str | Path) -> str:
        places = ("--root", self._storage / "images", "--runroot", self._storage / "run", "--storage-driver", "overlay")
        return call(
            self._program, *places, *arguments, env={**os.environ, "BUILDAH_ISOLATION": "chroot"}, cwd=ROOT
        ).strip()

    def import_base(self, archive: Path) -> None:
        container = self("from", "scratch")
        self("add", "--quiet", container, archive, "/")
        self("commit", "--quiet", container, _BASE)
        self("rm", container)

    def build(self, target: str, wheels: Path) -> str:
        """Build a target of the Dockerfile from a folder of wheels, and return the image's id."""
        tag = f"localhost/darkroom:{target}"
        given = {"PYTHON_IMAGE": _BASE, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
        arguments = [part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")]
        volume = f"{wheels}:/wheels:ro"
        self("build", "--format", "docker", "--target", target, "--volume", volume, "--tag", tag, *arguments,
             "--file", ROOT / "deploy" / "Dockerfile", ROOT)  # fmt: skip
        return tag

    def mount(self, tag: str) -> Image:
        described = json.loads(self("inspect", "--type", "image", tag))
        return Image(Path(self("mount", self("from", tag))), described["Docker"]["config"])


def base() -> Path:
    """The archive of a Debian with the image's Python, made where it is not kept."""
    archive = KEPT / f"{_SUITE}.tar"
    if not archive.exists():
        made = archive.with_name(f"new-{archive.name}")
        packages = "python3,python3-venv,ca-certificates"
        call(find_program("mmdebstrap"), "--variant=minbase", f"--include={packages}", _SUITE, made)
        made.rename(archive)
    return archive


def wheels() -> Path:
    """The folder of the locked wheels, which pip completes."""
    folder = KEPT / "wheels"
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in _GLIBC] + ["manylinux2014_x86_64", "manylinux1_x86_64"]
    index = os.environ.get("TORCH_INDEX")
    for name in ("torch-cpu", "darkroom", "build"):
        call(
            *(
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--require-hashes",
                "--no-deps",
                "--only-binary=:all:",
            ),
            *("--python-version", PYTHON, "--implementation", "cp"),
            *(argument for platform in platforms for argument in ("--platform", platform)),
            *(("--extra-index-url", index) if index else ()),
            *("--dest", folder, "--requirement", LOCKS / f"{name}.txt"),
        )
    return folder
