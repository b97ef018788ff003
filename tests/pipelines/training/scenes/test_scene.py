"""The objects of random scenes are whole, apart and visible, and no pair of them is a held-out one."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.scenes import domain
from pipelines.training.scenes.scene import are_apart, random_scene

seeds = st.integers(0, 2**32)
sizes = st.sampled_from(domain.SIZES)


def test_training_scenes_contain_every_pair_but_the_held_out_ones() -> None:
    drawn = [random_scene(random.Random(seed), 128, 128) for seed in range(2000)]
    pairs = {(item.color, item.shape) for scene in drawn for item in scene.objects}
    all_pairs = {(color, shape) for color in domain.COLORS for shape in domain.SHAPES}
    assert pairs == all_pairs - domain.HELD_OUT


@given(seeds, sizes)
def test_objects_are_inside_the_image_apart_and_unlike_the_background(seed: int, size: tuple[int, int]) -> None:
    scene = random_scene(random.Random(seed), *size)
    for index, item in enumerate(scene.objects):
        left, top, right, bottom = item.box
        assert left >= 0
        assert top >= 0
        assert right <= scene.width
        assert bottom <= scene.height
        assert item.color != scene.background
        for other in scene.objects[index + 1 :]:
            assert are_apart(item, other, domain.GAP * min(size))
