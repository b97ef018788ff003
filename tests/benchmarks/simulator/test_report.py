"""The comparison of the policies: results that hold by a wide margin."""

from __future__ import annotations

from benchmarks.simulator.report import POLICIES, Row, compare, markdown


def test_darkrooms_scheduler_has_twice_the_goodput_of_every_other_policy() -> None:
    rows = compare(POLICIES, table="gpu", pattern="poisson", count=120, load=0.7, max_rows=16, seed=1)
    by_name: dict[str, Row] = {row.policy: row for row in rows}
    ours = by_name.pop("darkroom")

    assert ours.goodput >= 2 * max(row.goodput for row in by_name.values())
    assert ours.saturated >= 2 * by_name["one at a time"].saturated
    assert ours.outcome.short_p95_s <= min(row.outcome.short_p95_s for row in by_name.values()) / 3
    assert "| darkroom |" in markdown(rows)
