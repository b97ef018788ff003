"""The table of the comparison of servers with several models."""

from __future__ import annotations

from benchmarks.models import trace
from benchmarks.models.__main__ import table
from benchmarks.models.simulation import Device


def test_the_table_has_a_row_for_each_server_and_rate() -> None:
    lines = table(trace.generated(4, seed=1), [0.1, 0.2], Device())

    assert len(lines) == 2 + 2 * 2
    assert {line.count("|") for line in lines} == {11}
    assert [line.split(" | ")[1] for line in lines[2:]] == ["first come", "Darkroom"] * 2
