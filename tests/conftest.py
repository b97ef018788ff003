"""Hooks and fixtures of all tests. They give each test its level, and keep tests away from the user's own data."""

from __future__ import annotations

import functools
import gc
import logging
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests import levels

# How long an example takes depends on what else the machine does.
hypothesis.settings.register_profile("untimed", hypothesis.settings.default, deadline=None)
hypothesis.settings.load_profile("untimed")

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers have all cores among them: were each to use all of them, they would be in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_GUARD = pytest.StashKey[levels.Guard]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--device", help="run the CUDA tests, on this device: cuda, cuda:1, cpu")
    parser.addoption("--clients", action="store_true", help="run the tests of clients, as `make clients` does")
    parser.addoption("--e2e", action="store_true", help="run the end-to-end tests, as `make e2e` does")


def only_units(config: pytest.Config) -> bool:
    return bool(config.getoption("markexpr") == "unit")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Says how many workers `-n logical` starts. Integration tests wait for processes and timers about a third of their
    time, so that one worker more than there are cores makes use of it."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if only_units(config) else cores + 1


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_GUARD] = levels.Guard(bars_libraries=only_units(config))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, None, None]:
    """Turns the garbage collector off while tests are collected, and then has it ignore what they brought in. Without
    this it takes a quarter of the time of collecting."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    left_out = (
        (only_units(config) and levels.is_listed(collection_path))
        or (levels.is_cuda(collection_path) and not config.getoption("device"))
        or (levels.is_e2e(collection_path) and not config.getoption("e2e"))
        or (levels.needs_client_environments(collection_path) and not config.getoption("clients"))
    )
    return True if left_out else None


def pytest_itemcollected(item: pytest.Item) -> None:
    if isinstance(item, pytest.Function):
        item.add_marker("unit" if levels.is_unit(item) else "integration")
        if levels.is_cuda(item.path):
            item.add_marker("cuda")
        if levels.is_slow(item.path):
            item.add_marker("slow")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    yield from _guarded(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    yield from _guarded(item)


def _guarded(item: pytest.Item) -> Generator[None, None, None]:
    if item.get_closest_marker("unit") is None:
        yield
        return
    with item.config.stash[_GUARD].watching():
        yield


@pytest.fixture(scope="session", autouse=True)
def folders_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep data, measured costs and settings apart from those of the user."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("data", "cache"):
            environment.setenv(f"DARKROOM_{name.upper()}_DIR", str(tmp_path_factory.mktemp(name)))
        environment.setenv("DARKROOM_CONFIG", "none")
        yield


@pytest.fixture(scope="session")
@levels.integration_fixture
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny model of a kind, such as `zoo("sdxl")`. Tests must not write to it.

    The kinds are in `tests.harness.models.zoo.kinds`. A folder is written when it is first asked for.
    """
    from tests.harness.models.zoo import writer

    root = tmp_path_factory.mktemp("zoo")
    return functools.cache(lambda kind: writer.write(kind, root / kind))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undoes what a test configures of the logging, which belongs to the whole process: others read the log, too."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
