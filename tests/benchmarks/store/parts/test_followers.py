"""Followers of waiting jobs."""

from __future__ import annotations

from benchmarks.store.parts import followers
from benchmarks.store.parts.stage import Stage


def test_the_server_is_measured_with_and_without_followers(stage: Stage) -> None:
    found = followers.measure(stage)

    assert (found["followers"], found["followers refused or cut off"]) == (stage.sizes.followers, 0)
    assert found["server CPU with, % of a core"] >= 0
    assert found["server CPU without, % of a core"] >= 0
