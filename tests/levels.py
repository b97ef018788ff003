"""Levels of tests: a unit test needs nothing but its own process, an integration test needs more, a CUDA test a GPU.

A unit test starts no process, opens no socket, imports neither torch nor another library that is as slow to import, and
is short. `make unit` runs these alone. A test is of the integration level where `INTEGRATION_TESTS` in `tests.listed`
lists its file, where one of its fixtures is marked by `integration_fixture`, or where it says so itself
(`pytest.mark.integration`). Every other test is a unit test, and the guard makes sure of it: it fails a unit test that
does what a unit test must not.

CUDA tests are integration tests that run on the device that `--device` names, and are not collected without it.
`--device cpu` runs those that need no GPU's streams or memory.

End-to-end tests build the container image, and run it and the services around it. They take minutes, root, and programs
that only they need, so they are collected with `--e2e` alone.

Tests of other projects' clients run each client in an environment of its own, which `scripts/clients.sh` makes. They
are collected with `--clients` alone, but for those of `clients/installed`: these clients are among our own packages.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import pytest

from tests.listed import INTEGRATION_TESTS, SLOW_TESTS

P = ParamSpec("P")
T = TypeVar("T")

CUDA_TESTS: Final = "pipelines/cuda"
"""Folder, below `tests/`, of the CUDA tests."""

E2E_TESTS: Final = "e2e"
"""Folder, below `tests/`, of the end-to-end tests."""

CLIENT_TESTS: Final = "clients"
"""Folder, below `tests/`, of the tests of other projects' clients."""

INSTALLED_CLIENT_TESTS: Final = "clients/installed"
"""Folder, below `tests/`, of those tests that need no environment but the tests' own."""

_FORBIDDEN: Final = {
    "os.exec": "starts a program",
    "os.fork": "forks",
    "os.forkpty": "forks",
    "os.posix_spawn": "starts a process",
    "os.spawn": "starts a process",
    "os.system": "starts a process",
    "socket.bind": "opens a socket for others",
    "socket.connect": "connects a socket",
    "subprocess.Popen": "starts a process",
}
"""Audit events, and what a test that raises one does."""

_TESTS: Final = Path(__file__).parent
_LISTED: Final = frozenset(_TESTS / listed for listed in INTEGRATION_TESTS)
_SLOW: Final = frozenset(_TESTS / listed for listed in SLOW_TESTS)
_BARRED: Final = frozenset({"diffusers", "openai", "torch", "transformers"})
"""Libraries that no unit test needs. Each takes a second or more to import, in every process that runs tests."""


def integration_fixture(function: Callable[P, T]) -> Callable[P, T]:
    """Marks a fixture, below `@pytest.fixture`: whatever uses it is no unit test."""
    function.__dict__[integration_fixture.__name__] = True
    return function


def is_unit(item: pytest.Function) -> bool:
    if item.get_closest_marker("integration") or is_listed(item.path):
        return False
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return not any(
        hasattr(definition.func, integration_fixture.__name__) for found in definitions for definition in found
    )


@functools.cache  # Each test asks for its file, and a file has many.
def is_listed(path: Path) -> bool:
    return not _LISTED.isdisjoint((path, *path.parents))


@functools.cache
def is_slow(path: Path) -> bool:
    return not _SLOW.isdisjoint((path, *path.parents))


@functools.cache
def is_cuda(path: Path) -> bool:
    return path.is_relative_to(_TESTS / CUDA_TESTS)


def is_e2e(path: Path) -> bool:
    return path.is_relative_to(_TESTS / E2E_TESTS)


def needs_client_environments(path: Path) -> bool:
    """Returns whether that is a file or a folder of tests that `--clients` alone collects."""
    below, installed = (_TESTS / folder for folder in (CLIENT_TESTS, INSTALLED_CLIENT_TESTS))
    return below in path.parents and not path.is_relative_to(installed)


class Guard:
    """Fails a unit test at the line that does what it must not, and afterwards where that line's failure was lost."""

    def __init__(self, *, bars_libraries: bool) -> None:
        """`bars_libraries` holds for the whole process, and only where none of the tests may need them."""
        self._bars_libraries = bars_libraries
        self._process = os.getpid()
        self._watching = False
        self._reasons: list[str] = []
        sys.addaudithook(self._heed)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """For the length of a unit test's set-up or call."""
        self._watching = True
        try:
            yield
        finally:
            self._watching = False
            reasons, self._reasons = self._reasons, []
        if reasons:
            pytest.fail(reasons[0], pytrace=False)

    def _heed(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._watching and event in _FORBIDDEN and os.getpid() == self._process:
            self._reasons.append(_complaint(f"{_FORBIDDEN[event]} ({event}: {arguments!r})"))
            # As the system would refuse it, so that the code under test takes it as it takes any other refusal.
            raise PermissionError(self._reasons[-1])
        if self._bars_libraries and event == "import" and arguments[0] in _BARRED:
            pytest.fail(_complaint(f"imports {arguments[0]}, which is slow to import"))


def _complaint(deed: str) -> str:
    return f"A unit test {deed}. If it must, make it an integration test: tests/levels.py says how."
