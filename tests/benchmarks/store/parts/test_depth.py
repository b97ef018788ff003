"""A deep queue beside an empty one."""

from __future__ import annotations

from benchmarks.store.parts import depth
from benchmarks.store.parts.stage import Stage


def test_both_depths_are_measured(stage: Stage) -> None:
    found = depth.measure(stage)

    assert found["many, jobs"] == stage.sizes.depth
    for queued in ("none queued", "many queued"):
        assert found[f"accepted, jobs/s, {queued}"] > 0
        assert found[f"finished, jobs/s, {queued}"] > 0
    share = found["accepted, jobs/s, many queued"] / found["accepted, jobs/s, none queued"]
    assert found["accepted, jobs/s, many as a share of none"] == share
