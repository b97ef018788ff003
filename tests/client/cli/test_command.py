"""The command as a whole: what it says of itself, and what it does not load to say it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import darkroom
from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command
from tests.harness.paths import ROOT


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has loaded once it has run `code`."""
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
def test_no_torch_and_nothing_of_the_pipelines_is_imported_for(code: str) -> None:
    loaded = modules_after(code)
    assert "darkroom" in loaded
    assert not loaded & {"torch", "diffusers", "transformers", "numpy", "fastapi", "pipelines"}


@pytest.mark.integration
def test_the_help_does_not_wait_for_the_http_stack() -> None:
    loaded = modules_after("from darkroom.cli.app import build_app, run; run(build_app([], lambda: None), ['--help'])")
    assert not loaded & {"httpx2", "pydantic", "stamina"}


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(darkroom, name) is not None for name in darkroom.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Lightroom'"):
        darkroom.Lightroom  # noqa: B018


def test_the_version_is_the_distributions(command: Command) -> None:
    assert command("--version").out == f"darkroom {version('darkroom-client')}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=str)
def test_the_help_shows_every_command_and_an_example(command: Command, arguments: list[str]) -> None:
    outcome = command(*arguments)
    assert outcome.status == 0
    for text in ("generate", "models", "serve", '"a red circle on a white background"'):
        assert text in outcome.out


def test_the_models_of_this_machine_are_listed(command: Command) -> None:
    outcome = command("models", backend=FakeBackend())
    assert outcome.out == "bundled  /models/bundled\nsd       /models/sd\n"


@pytest.mark.integration
def test_the_models_of_a_server_that_is_not_there_are_one_sentence(command: Command) -> None:
    outcome = command("models", "--server", "http://127.0.0.1:1")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (1, "", 1)
