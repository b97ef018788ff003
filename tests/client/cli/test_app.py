"""The command as a whole: its help and version, and which libraries it does not load to show them."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import darkroom
from tests.harness.command import Command
from tests.harness.paths import ROOT


def modules_after(code: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after it ran `code`."""
    report = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    done = subprocess.run([sys.executable, "-c", report + code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stderr.split())


RUN_HELP = """
from darkroom.cli.app import build_app, run
from service.cli.app import app
run(build_app([app], lambda: None), ["generate", "--help"])
"""


@pytest.mark.integration
@pytest.mark.parametrize("code", ["from darkroom import *", RUN_HELP], ids=["the whole SDK", "the command's help"])
def test_neither_the_sdk_nor_the_help_imports_torch_or_the_pipelines(code: str) -> None:
    loaded = modules_after(code)
    assert "darkroom" in loaded
    assert not loaded & {"torch", "diffusers", "transformers", "numpy", "fastapi", "pipelines"}


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "avoided"),
    [
        (["--help"], {"httpx2", "pydantic", "stamina"}),
        (["generate", "--help"], {"httpx2", "stamina"}),  # Here typer itself imports pydantic.
    ],
)
def test_the_help_does_not_import_the_http_stack(arguments: list[str], avoided: set[str]) -> None:
    loaded = modules_after(
        f"from darkroom.cli.app import build_app, run; run(build_app([], lambda: None), {arguments})"
    )
    assert "darkroom" in loaded
    assert not loaded & avoided


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(darkroom, name) is not None for name in darkroom.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Lightroom'"):
        darkroom.Lightroom  # noqa: B018 - reading the attribute is the test


def test_the_version_is_that_of_the_distribution(command: Command) -> None:
    assert command("--version").out == f"darkroom {version('darkroom-client')}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=str)
def test_the_help_shows_every_command_and_an_example(command: Command, arguments: list[str]) -> None:
    outcome = command(*arguments)
    assert outcome.status == 0
    for text in ("generate", "models", "serve", '"a red circle on a white background"'):
        assert text in outcome.out
