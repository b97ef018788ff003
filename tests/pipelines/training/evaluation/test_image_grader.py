"""The grader recognizes drawn scenes and compares them with prompts."""

from __future__ import annotations

import random

import pytest

from pipelines.training.evaluation.image_grader import matches, read_scene
from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import Mention, PromptSpec, random_spec
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, SceneObject, random_scene


def contents(scene: Scene) -> tuple[str, str, list[tuple[str, str]]]:
    return scene.background, scene.size, sorted((item.shape, item.color) for item in scene.objects)


def test_the_grader_recognizes_drawn_scenes_and_what_their_captions_say() -> None:
    different = mismatched = 0
    for seed in range(600):
        rng = random.Random(seed)
        scene = random_scene(rng, *rng.choice(domain.SIZES))
        recognized = read_scene(draw(scene))
        different += contents(recognized) != contents(scene)
        mismatched += not matches(recognized, random_spec(scene, rng))
    assert different <= 6
    assert mismatched <= 6


RED_CIRCLE = SceneObject("circle", "red", 30, 64, 20)
BLUE_SQUARE = SceneObject("square", "blue", 95, 64, 20)
SCENE = Scene(128, 128, "white", (RED_CIRCLE, BLUE_SQUARE))
CIRCLE, SQUARE = Mention("circle", "red"), Mention("square", "blue")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (PromptSpec((CIRCLE, SQUARE), 2), True),
        (PromptSpec((SQUARE, CIRCLE), 2), True),
        (PromptSpec((CIRCLE, SQUARE), 2, relation="left"), True),
        (PromptSpec((SQUARE, CIRCLE), 2, relation="right"), True),
        (PromptSpec((SQUARE, CIRCLE), 2, relation="beside"), True),
        (PromptSpec((CIRCLE, SQUARE), 2, relation="right"), False),
        (PromptSpec((CIRCLE, SQUARE), 2, relation="above"), False),
        (PromptSpec((CIRCLE, SQUARE), 2, background="white"), True),
        (PromptSpec((CIRCLE, SQUARE), 2, background="pink"), False),
        (PromptSpec((Mention("circle", "blue"), Mention("square", "red")), 2), False),
        (PromptSpec((CIRCLE,)), False),
        (PromptSpec((CIRCLE,), 2), False),
        (PromptSpec(), True),
    ],
)
def test_an_image_matches_when_it_shows_everything_asked_for_and_nothing_else(spec: PromptSpec, expected: bool) -> None:
    assert matches(read_scene(draw(SCENE)), spec) is expected


def test_a_size_word_is_compared_with_the_size_of_the_object() -> None:
    large = Scene(128, 128, "white", (SceneObject("star", "red", 64, 64, 46),))
    assert matches(read_scene(draw(large)), PromptSpec((Mention("star", "red"),), size="large"))
    assert not matches(read_scene(draw(large)), PromptSpec((Mention("star", "red"),), size="small"))
