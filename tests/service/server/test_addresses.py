"""The server listens at addresses and paths, with real sockets."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from service.server.addresses import listening, listening_at


def connects(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize("host", ["::", "0::0"])
def test_the_ipv6_wildcard_address_accepts_ipv4_too(host: str) -> None:
    with listening([host], 0) as (bound,):
        port = bound.getsockname()[1]
        assert connects("127.0.0.1", port)
        assert connects("::1", port)


def test_several_addresses_share_one_port_and_others_are_not_served() -> None:
    with listening(["127.0.0.2", "::1"], 0) as sockets:
        (port,) = {each.getsockname()[1] for each in sockets}
        assert [connects(host, port) for host in ("127.0.0.2", "::1", "127.0.0.1")] == [True, True, False]


def test_both_wildcard_addresses_can_be_named() -> None:
    with listening(["0.0.0.0", "::"], 0) as sockets:
        port = sockets[0].getsockname()[1]
        assert [connects(host, port) for host in ("127.0.0.1", "::1")] == [True, True]


def test_a_name_stands_for_its_addresses() -> None:
    with listening(["localhost"], 0) as sockets:
        port = sockets[0].getsockname()[1]
        assert all(connects(each.getsockname()[0], port) for each in sockets)
        assert connects("127.0.0.1", port)


def test_the_error_for_an_address_in_use_names_the_address_and_closes_the_others() -> None:
    with listening(["127.0.0.1"], 0) as (bound,):
        port = bound.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}: "), listening(["127.0.0.2", "127.0.0.1"], port):
            pass
        assert not connects("127.0.0.2", port)


def test_a_name_that_does_not_exist_is_named_in_the_error() -> None:
    with pytest.raises(OSError, match=r"no\.such\.host\.invalid: "), listening(["no.such.host.invalid"], 0):
        pass


def test_an_empty_list_of_addresses_is_refused() -> None:
    with pytest.raises(OSError, match="no address"), listening([], 0):
        pass


def test_a_unix_socket_has_its_permissions_from_the_start_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    before = os.umask(0o022)
    try:
        with listening_at(path, 0o660):
            assert stat.S_IMODE(path.stat().st_mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_socket_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with listening_at(path, 0o600), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_the_socket_of_a_server_that_listens_stays_its_own(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with listening_at(path, 0o600), pytest.raises(OSError, match=r"api\.sock: another server"):
        listening_at(path, 0o600).__enter__()
    assert not path.exists()


def test_what_is_no_socket_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("notes")
    with pytest.raises(OSError, match=r"api\.sock: exists, and is no socket"):
        listening_at(path, 0o600).__enter__()
    assert path.read_text() == "notes"


def test_a_socket_that_another_server_has_put_in_its_place_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with listening_at(path, 0o600):
        path.unlink()
        second = listening_at(path, 0o600)
        second.__enter__()
    assert path.is_socket()
    second.__exit__(None, None, None)


def test_of_servers_that_start_at_once_one_gets_the_path(tmp_path: Path) -> None:
    path, done, outcomes = tmp_path / "api.sock", threading.Event(), list[str]()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))

    def start() -> None:
        try:
            with listening_at(path, 0o600):
                outcomes.append("listens")
                done.wait(60)
        except OSError:
            outcomes.append("refused")

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    while len(outcomes) < len(threads):
        done.wait(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["listens", *["refused"] * 7]
