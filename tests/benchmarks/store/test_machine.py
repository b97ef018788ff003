"""The description of the machine: a store in memory would cost nothing, and is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.store import machine


def test_the_innermost_mount_holds_a_folder(tmp_path: Path) -> None:
    mounts = ["/dev/a / ext4 rw 0 0", f"none {tmp_path} tmpfs rw 0 0", f"/dev/b {tmp_path}/inner xfs rw 0 0"]

    assert machine.filesystem(tmp_path / "inner" / "deep", mounts) == "xfs"
    assert machine.filesystem(tmp_path / "inner-most", mounts) == "tmpfs"
    assert machine.filesystem(tmp_path.parent, mounts) == "ext4"


def test_a_folder_in_memory_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("none / tmpfs rw 0 0\n")

    with pytest.raises(machine.NotOnDisk, match="--folder"):
        machine.describe(tmp_path, mounts)


def test_a_disk_is_described_with_what_a_sync_takes(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/a / ext4 rw 0 0\n")

    facts = machine.describe(tmp_path, mounts)

    assert facts["filesystem"] == "ext4"
    assert facts["sync of 4 KiB, ms"] >= 0
    assert not (tmp_path / "synced").exists()
