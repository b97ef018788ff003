"""A snapshot that is complete from the start needs no waiting."""

from __future__ import annotations

from pipelines.snapshots import CompletedSnapshot


def test_a_completed_snapshot_gives_its_bytes_at_once() -> None:
    snapshot = CompletedSnapshot(b"state")

    snapshot.wait()

    assert snapshot.pack() == b"state"
