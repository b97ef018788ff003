"""Servers of this machine are known to live or to be dead; nothing is known about others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from service.jobs.execution.owner_lock import OwnerLock, kernel_id

OWNER = "host.example/12/ab,cd"


def held(folder: Path, owner: str, kernel: str | None = None) -> OwnerLock:
    lock = OwnerLock(folder, owner, kernel=kernel)
    lock.hold()
    return lock


@pytest.fixture
def finder(tmp_path: Path) -> OwnerLock:
    return held(tmp_path, "finder")


def test_a_server_that_holds_its_lock_lives(tmp_path: Path, finder: OwnerLock) -> None:
    held(tmp_path, OWNER)

    assert finder.dead_owners() == []


def test_a_server_that_has_ended_without_a_word_is_dead_until_it_is_forgotten(
    tmp_path: Path, finder: OwnerLock
) -> None:
    held(tmp_path, OWNER).release(keeps_file=True)
    held(tmp_path, "another").release(keeps_file=True)

    assert sorted(finder.dead_owners()) == ["another", OWNER]
    finder.forget([OWNER])
    assert finder.dead_owners() == ["another"]


def test_a_server_that_ends_in_order_leaves_nothing(tmp_path: Path, finder: OwnerLock) -> None:
    before = sorted(tmp_path.iterdir())
    held(tmp_path, OWNER).release(keeps_file=False)

    assert finder.dead_owners() == []
    assert sorted(tmp_path.iterdir()) == before


def test_a_lock_of_another_kernel_condemns_nobody_and_is_cleared_away(tmp_path: Path, finder: OwnerLock) -> None:
    held(tmp_path, OWNER, kernel="another").release(keeps_file=True)
    before = len(list(tmp_path.iterdir()))

    assert finder.dead_owners() == []
    finder.forget([])
    assert len(list(tmp_path.iterdir())) == before - 1


def test_a_living_server_of_another_kernel_is_left_alone(tmp_path: Path, finder: OwnerLock) -> None:
    other = held(tmp_path, OWNER, kernel="another")
    before = sorted(tmp_path.iterdir())

    finder.forget([OWNER])

    assert sorted(tmp_path.iterdir()) == before
    other.release(keeps_file=False)


def test_two_servers_that_look_at_the_same_time_both_find_the_dead_one(tmp_path: Path) -> None:
    finders = [held(tmp_path, name) for name in ("one", "two")]
    held(tmp_path, OWNER).release(keeps_file=True)

    assert [finder.dead_owners() for finder in finders] == [[OWNER]] * 2


@pytest.mark.integration
def test_a_child_process_does_not_keep_the_lock_of_its_server(tmp_path: Path, finder: OwnerLock) -> None:
    lock = held(tmp_path, OWNER)
    command = [sys.executable, "-c", "input(input())"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdin is not None, "Popen was called with a pipe"
        assert child.stdout is not None, "Popen was called with a pipe"
        child.stdin.write(b"the command runs, and no longer the fork of this process\n")
        child.stdin.flush()
        child.stdout.read(1)
        lock.release(keeps_file=True)
        found = finder.dead_owners()
        child.communicate(b"\n")

    assert found == [OWNER]


def test_a_server_without_a_lock_works_and_is_not_called_dead(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "servers"
    folder.write_text("a file where the folder should be")
    lock = held(folder, OWNER)

    assert lock.dead_owners() == []
    assert "leases alone" in caplog.text
    lock.release(keeps_file=False)


def test_the_kernel_has_one_name() -> None:
    assert kernel_id() == kernel_id() != ""
