"""The host's memory is the smaller of the machine's and the container's."""

from __future__ import annotations

from pathlib import Path

from service.engine.worker.models.host_memory import total_bytes


def test_a_containers_limit_counts_where_it_is_smaller(tmp_path: Path) -> None:
    machine = total_bytes(tmp_path / "none")
    (tmp_path / "limit").write_text(f"{machine // 2}\n")
    (tmp_path / "huge").write_text(f"{2 * machine}\n")

    assert machine > 1 << 28
    assert total_bytes(tmp_path / "limit") == machine // 2
    assert total_bytes(tmp_path / "huge") == machine


def test_no_limit_is_no_number(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("max\n")

    assert total_bytes(tmp_path / "limit") == total_bytes(tmp_path / "none")
