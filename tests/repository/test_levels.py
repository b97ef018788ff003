"""The two levels of tests: who is a unit test, and that a unit test which does more than it may fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.paths import ROOT
from tests.levels import is_cuda, is_listed, is_slow, needs_client_environments
from tests.listed import INTEGRATION_TESTS, SLOW_TESTS

_CONFTEST = "from tests.conftest import *  # noqa: F403\n"
_TESTS = """
import os, socket, subprocess, sys, threading
import pytest
from tests.levels import integration_fixture

def run():
    subprocess.run([sys.executable, "-c", ""])

def bind():
    socket.create_server(("127.0.0.1", 0)).close()

def connect():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect("/nowhere")

def fork():
    if os.fork() == 0:
        os._exit(0)

def swallow():
    try:
        run()
    except BaseException:
        pass

def aside():
    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join()

def load():
    import transformers

def compute():
    import torch

DEEDS = [run, bind, fork, swallow, aside]

@pytest.mark.parametrize("deed", [*DEEDS, connect, load, compute])
def test_unit(deed):
    deed()

@pytest.fixture
def unit_fixture():
    bind()

def test_with_a_fixture_that_does_it(unit_fixture):
    pass

@pytest.mark.integration
@pytest.mark.parametrize("deed", DEEDS)
def test_marked(deed):
    deed()

@pytest.fixture
@integration_fixture
def server():
    bind()

@pytest.fixture
def client(server):
    pass

def test_with_a_marked_fixture(server):
    run()

def test_with_a_fixture_of_a_marked_one(client):
    run()

def test_that_does_nothing():
    pass
"""


def outcomes(folder: Path, *options: str) -> set[str]:
    """Run the tests. Return the outcome and the name of each that ran, such as "PASSED test_unit[run]"."""
    (folder / "conftest.py").write_text(_CONFTEST)
    (folder / "test_deeds.py").write_text(_TESTS)
    command = (sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", "--rootdir", folder, "-rA", "-q")
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *options, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [line.split() for line in done.stdout.splitlines() if "test_deeds.py::" in line and line[0] in "PFE"]
    return {f"{outcome} {name.partition('::')[2]}" for outcome, name, *_ in lines}


_UNITS = {
    *(f"FAILED test_unit[{deed}]" for deed in ("run", "bind", "fork", "swallow", "aside", "connect")),
    "ERROR test_with_a_fixture_that_does_it",
    "PASSED test_that_does_nothing",
}


@pytest.mark.integration
def test_a_unit_test_that_does_more_than_it_may_fails(tmp_path: Path) -> None:
    assert outcomes(tmp_path, "-m", "unit") == _UNITS | {"FAILED test_unit[load]", "FAILED test_unit[compute]"}


@pytest.mark.integration
def test_what_is_marked_or_has_a_marked_fixture_may_do_it_beside_guarded_unit_tests(tmp_path: Path) -> None:
    assert outcomes(tmp_path, "-k", "not load and not compute") == _UNITS | {
        *(f"PASSED test_marked[{deed}]" for deed in ("run", "bind", "fork", "swallow", "aside")),
        "PASSED test_with_a_marked_fixture",
        "PASSED test_with_a_fixture_of_a_marked_one",
    }


@pytest.mark.parametrize("listed", [*INTEGRATION_TESTS, *SLOW_TESTS])
def test_whatever_is_listed_exists(listed: str) -> None:
    assert (ROOT / "tests" / listed).exists()


def test_slow_tests_are_told_by_their_folder_or_file() -> None:
    slow, other = (ROOT / "tests" / path for path in ("chaos/test_kills.py", "pipelines/test_params.py"))

    assert (is_slow(slow), is_slow(other)) == (True, False)


def test_cuda_tests_are_told_by_their_folder_and_are_no_unit_tests() -> None:
    cuda, other = (ROOT / "tests" / "pipelines" / folder / "test_parity.py" for folder in ("cuda", "families"))

    assert (is_cuda(cuda), is_cuda(other)) == (True, False)
    assert is_listed(cuda)


def test_clients_that_are_installed_here_need_no_environment_of_their_own() -> None:
    clients = ROOT / "tests" / "clients"
    kept = (clients, clients / "installed", clients / "installed" / "test_installed.py", ROOT / "tests" / "client")

    assert [needs_client_environments(path) for path in kept] == [False] * len(kept)
    assert needs_client_environments(clients / "test_openai.py")
    assert is_listed(clients / "installed" / "test_installed.py")
