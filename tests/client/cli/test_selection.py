"""A command uses the server that it is told, or else the local backend."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from darkroom.cli.remote import RemoteBackend
from darkroom.cli.selection import select_backend
from tests.client.cli.fake_backend import FakeBackend


def test_the_local_backend_is_used_where_one_is_installed() -> None:
    local = FakeBackend()
    assert select_backend(lambda: local, None) == (local, False)


def test_without_a_local_backend_the_default_server_is_used() -> None:
    backend, is_remote = select_backend(lambda: None, None)
    assert (type(backend), is_remote) == (RemoteBackend, True)


def test_a_given_server_is_used_and_no_local_backend_looked_for() -> None:
    def fail() -> None:
        raise AssertionError("the local backend is not needed")

    backend, is_remote = select_backend(fail, "http://x")
    assert (type(backend), is_remote) == (RemoteBackend, True)


def test_a_key_is_refused_where_no_server_would_get_it(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="needs --server"):
        select_backend(FakeBackend, None, tmp_path / "key")
