"""`darkroom check` reports on folders and addresses."""

from __future__ import annotations

import socket
from pathlib import Path

from service.cli.checks.findings import State
from service.cli.checks.places import check_cache, check_data, check_listeners
from service.settings import Settings


def test_a_folder_is_there_or_can_be_made(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "b", cache_dir=tmp_path)
    assert check_data(settings).detail == f"{tmp_path}/a/b, which the server will make"
    assert [each.detail for each in check_cache(settings)] == [str(tmp_path)]
    assert not (tmp_path / "a").exists()
    assert not [*check_cache(settings.model_copy(update={"cache_dir": None}))]


def test_a_file_in_the_place_of_a_folder_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = check_data(Settings(data_dir=tmp_path / "file" / "data"))
    assert (finding.state, finding.detail) == (State.FAILED, f"{tmp_path}/file is not a folder.")


def test_addresses_are_free_taken_or_not_of_this_machine(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = list(check_listeners(Settings(port=port, admin_host="192.0.2.1", admin_port=1)))
    assert [each.state for each in found] == [State.NOTE, State.FAILED]
    assert f"127.0.0.1:{port}" in found[0].detail

    found = list(check_listeners(Settings(uds=tmp_path / "socket", admin_port=None)))
    assert [(each.what, each.state) for each in found] == [("listener", State.OK)]
