"""The scenes of the measurement are the same each time, and of every category."""

from __future__ import annotations

from benchmarks.upscalers import scenes


def test_scenes_are_of_all_categories_in_turn_and_the_same_each_time() -> None:
    assert scenes(7) == scenes(9)[:7]
    assert [len(spec.mentions) for spec in scenes(3)] == [1, 1, 2]
    assert scenes(2)[1].count > 1
