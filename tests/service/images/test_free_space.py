"""New work is refused before the disk is full, and the reserve is given up only when the disk is full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from service.errors import StorageFullError, StoreUnavailableError
from service.images.free_space import MAX_RESERVE_BYTES, RESERVE, FreeSpace, free_bytes

FLOOR = 256 << 20


class Disk:
    """A disk on which `free` bytes are left, and a clock."""

    def __init__(self, folder: Path, min_free_bytes: int = FLOOR) -> None:
        self.folder, self.free, self.now_s, self.looks = folder, 2 * FLOOR, 0.0, 0
        self.space = FreeSpace((folder,), min_free_bytes, clock=lambda: self.now_s, measure=self._measure)

    def _measure(self, folder: Path) -> int:
        assert folder == self.folder
        self.looks += 1
        return self.free

    def leave(self, free: int) -> None:
        """Changes the free space as other programs do, and looks at it anew."""
        self.free = free
        self.now_s += 1.0

    @property
    def has_reserve(self) -> bool:
        return (self.folder / RESERVE).exists()


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_new_work_is_refused_below_the_floor_and_not_at_it(disk: Disk) -> None:
    disk.leave(FLOOR)
    disk.space.require()
    disk.leave(FLOOR - 1)
    with pytest.raises(StorageFullError) as refused:
        disk.space.require()
    assert refused.value.retry_after_s is not None
    assert isinstance(refused.value, StoreUnavailableError)
    disk.leave(FLOOR)
    disk.space.require()


def test_the_disk_is_looked_at_once_a_second_however_many_ask(disk: Disk) -> None:
    for _ in range(100):
        disk.space.require()
    assert disk.looks == 1
    disk.now_s += 1.0
    disk.space.require()
    assert disk.looks == 2


def test_a_change_is_logged_once(disk: Disk) -> None:
    with capture_logs() as lines:
        for free in (FLOOR, 0, 0, FLOOR):
            disk.leave(free)
            with contextlib.suppress(StorageFullError):
                disk.space.require()
    assert [(line["log_level"], line["free_bytes"]) for line in lines] == [("warning", 0), ("info", FLOOR)]


@pytest.mark.parametrize("fault", [FileNotFoundError(), PermissionError()], ids=repr)
def test_the_fullest_disk_counts_and_one_that_does_not_answer_does_not(tmp_path: Path, fault: OSError) -> None:
    free = {tmp_path / "a": 5, tmp_path / "b": 3}

    def measure(folder: Path) -> int:
        if folder not in free:
            raise fault
        return free[folder]

    assert FreeSpace([*free, tmp_path / "none"], 1, measure=measure).free_bytes() == 3
    FreeSpace([tmp_path / "none"], 1, measure=measure).require()


def test_a_real_disk_is_measured_for_a_user_without_privileges(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    assert 0 < free_bytes(tmp_path) <= found.f_blocks * found.f_frsize


def test_the_reserve_takes_its_room_on_the_disk_and_is_its_owners_alone(disk: Disk) -> None:
    disk.space.update_reserve()
    found = (disk.folder / RESERVE).stat()
    assert found.st_size == MAX_RESERVE_BYTES
    assert found.st_blocks * 512 >= MAX_RESERVE_BYTES
    assert found.st_mode & 0o777 == 0o600


def test_the_reserve_is_given_up_on_a_full_disk_and_made_again_when_there_is_room(disk: Disk) -> None:
    for free, kept in (
        (2 * FLOOR, True),
        (FLOOR - 1, True),
        (MAX_RESERVE_BYTES, True),
        (MAX_RESERVE_BYTES - 1, False),
        (FLOOR, False),
        (FLOOR + MAX_RESERVE_BYTES - 1, False),
        (FLOOR + MAX_RESERVE_BYTES, True),
    ):
        disk.leave(free)
        disk.space.update_reserve()
        assert disk.has_reserve is kept, free


def test_no_reserve_is_larger_than_the_floor(tmp_path: Path) -> None:
    Disk(tmp_path, min_free_bytes=4096).space.update_reserve()
    assert (tmp_path / RESERVE).stat().st_size == 4096


def test_a_floor_of_0_refuses_nothing_and_keeps_no_reserve(tmp_path: Path) -> None:
    disk = Disk(tmp_path, min_free_bytes=0)
    for free in (0, 2 * FLOOR):
        disk.leave(free)
        disk.space.require()
        disk.space.update_reserve()
        assert not disk.has_reserve


def test_a_reserve_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("in the way")
    Disk(tmp_path / "folder").space.update_reserve()
