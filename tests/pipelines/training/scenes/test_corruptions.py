"""A corruption has one error, and contradicts the prompts that name what it changes."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import Mention, PromptSpec
from pipelines.training.scenes.corruptions import contradicts, corrupt
from pipelines.training.scenes.scene import random_scene

seeds = st.integers(0, 2**32)
sizes = st.sampled_from(domain.SIZES)


@given(seeds, sizes)
def test_a_corruption_has_one_error_and_no_held_out_pair(seed: int, size: tuple[int, int]) -> None:
    scene = random_scene(random.Random(seed), *size)
    kind, corrupted = corrupt(scene, random.Random(seed))

    pairs = {(item.color, item.shape) for item in corrupted.objects}
    assert not pairs & domain.HELD_OUT
    assert scene.background not in {item.color for item in corrupted.objects}
    assert replace(corrupted, objects=scene.objects) == scene
    changed = set(scene.objects) ^ set(corrupted.objects)
    assert len(changed) == {"count": 1, "stray": 1, "binding": 4}.get(kind, 2)
    if kind == "count":
        assert abs(len(scene.objects) - len(corrupted.objects)) == 1


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("count", PromptSpec((Mention("heart"),), 4), True),
        ("shape", PromptSpec((Mention("heart"),)), True),
        ("color", PromptSpec((Mention("heart"),)), False),
        ("color", PromptSpec((Mention("heart", "red"),)), True),
        ("size", PromptSpec((Mention("heart", "red"),)), False),
        ("size", PromptSpec((Mention("heart"),), size="small"), True),
        ("binding", PromptSpec((Mention("heart", "red"), Mention("star", "blue")), 2), True),
        ("binding", PromptSpec((Mention("heart"), Mention("star")), 2), False),
        ("count", PromptSpec(), False),
    ],
)
def test_a_corruption_contradicts_prompts_that_name_what_it_changes(
    kind: str, spec: PromptSpec, expected: bool
) -> None:
    assert contradicts(kind, spec) is expected


def test_the_corruptions_of_a_seed_never_change() -> None:
    """The digest was taken from the code that trained the published weights: another one means other weights."""
    lines = []
    for seed in range(500):
        rng = random.Random(seed)
        scene = random_scene(rng, 160, 96)
        _, corrupted = corrupt(scene, rng)
        for one in (scene, corrupted):
            objects = (f"{item.color} {item.shape} {item.x:.3f} {item.y:.3f} {item.radius:.3f}" for item in one.objects)
            lines.append(" ".join([one.background, one.size, *objects]))
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == (
        "d93072a27f03e9bd3f09b94a521060a6f9da8163d5bfb5f9bccaa83066ed6e12"
    )
