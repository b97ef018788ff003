"""Failures of the disk are told apart from missing files."""

from __future__ import annotations

import errno

import pytest

from service.errors import StoreUnavailableError
from service.jobs.file_access import FileAccess


def fail(error: OSError) -> None:
    raise error


async def test_a_failed_write_is_remembered_until_one_succeeds() -> None:
    access = FileAccess()
    availabilities = []
    with pytest.raises(StoreUnavailableError):
        await access.write(lambda: fail(OSError(errno.ENOSPC, "full")))
    availabilities.append(access.available)
    await access.write(lambda: None)
    availabilities.append(access.available)
    assert availabilities == [False, True]
    access.close()


async def test_a_missing_file_is_no_failure_of_the_disk() -> None:
    access = FileAccess()
    with pytest.raises(FileNotFoundError):
        await access.read(lambda: fail(FileNotFoundError()))
    with pytest.raises(StoreUnavailableError):
        await access.read(lambda: fail(OSError(errno.EIO, "broken")))
    assert access.available
    access.close()
