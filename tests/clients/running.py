"""Runs programs that are written as a client's user would write them, in the client's own environment."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from tests.harness.paths import ROOT
from tests.harness.programs.finding import find_program

_PROGRAMS: Final = ROOT / "tests" / "clients" / "programs"
_ENVIRONMENTS: Final = ROOT / "build" / "clients"
_LIMIT_S: Final = 240.0
"""Ends a program that hangs."""


class Programs:
    """Runs programs against a server, with a key of it."""

    def __init__(self, url: str, key: str, home: Path) -> None:
        """`home` is an empty folder, in which programs keep what they keep."""
        self.url = url
        self._home = home
        self._variables = {"DARKROOM_URL": url, "DARKROOM_KEY": key}

    def __call__(self, program: str, environment: str | None = None, *arguments: str, **variables: str) -> Any:
        """Runs `programs/<program>` with arguments, and returns the JSON on the last line of its output.

        `environment` is a folder of `environments/`, or None for that of the tests. `variables` are set for the program
        beside DARKROOM_URL and DARKROOM_KEY, and take their place. Fails with the program's output where it fails.
        """
        path = _PROGRAMS / program
        ran = subprocess.run(
            [*(_python(path, environment) if path.suffix == ".py" else _node()), *arguments],
            input=path.read_text(),
            cwd=self._folder(path, environment),
            env={**application_environment(self._home), **self._variables, **variables},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
        assert ran.returncode == 0, f"{program} failed:\n{ran.stdout[-2000:]}\n{ran.stderr[-6000:]}"
        return json.loads(ran.stdout.splitlines()[-1])

    def _folder(self, path: Path, environment: str | None) -> Path:
        """A program of node finds its packages in its working folder, as it is read from standard input."""
        return self._home if path.suffix == ".py" or environment is None else environment_folder(environment)


def environment_folder(name: str) -> Path:
    """The environment that `scripts/clients.sh` made. Fails without it."""
    folder = _ENVIRONMENTS / name
    assert (folder / ".made-from").exists(), f"there is no {folder}: make clients makes it"
    return folder


def application_environment(home: Path) -> dict[str, str]:
    """The variables that other people's programs get: none of ours, and a home of their own."""
    return {"PATH": os.environ["PATH"], "HOME": str(home)}


def _python(path: Path, environment: str | None) -> Sequence[str]:
    """Isolated, so that it finds neither this repository's packages nor those that are named as the program is."""
    python = sys.executable if environment is None else str(environment_folder(environment) / "bin" / "python")
    return [python, "-I", str(path)]


def _node() -> Sequence[str]:
    return [find_program("node"), "--input-type=module", "-"]


def decoded(image: str) -> Image.Image:
    """The image in base64, whole."""
    opened = Image.open(io.BytesIO(base64.b64decode(image)))
    opened.load()
    return opened


def parameters(image: str) -> str:
    """Returns the prompt and settings that the PNG, which is given in base64, holds in A1111's form."""
    opened = decoded(image)
    assert isinstance(opened, PngImageFile)
    return str(opened.text["parameters"])
