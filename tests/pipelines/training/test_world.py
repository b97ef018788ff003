"""The bundled model's world: what is drawn, said and read back agrees, and what is held back stays back."""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.cielab import distance, to_lab
from pipelines.training.evaluation.image_grader import read, shows
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, Mention, ask_of, plain_words, words
from pipelines.training.scenes.corruptions import contradicts, slip
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import Scene, Thing, apart, random_scene
from pipelines.training.stages.autoencoder import to_tensor
from pipelines.training.stages.latents import Scenes

seeds = st.integers(0, 2**32)
sizes = st.sampled_from(world.SIZES)


def contents(scene: Scene) -> tuple[str, str, list[tuple[str, str]]]:
    return scene.background, scene.size, sorted((thing.shape, thing.colour) for thing in scene.things)


def test_no_training_scene_holds_a_held_out_pair() -> None:
    drawn = [random_scene(random.Random(seed), 128, 128) for seed in range(20_000)]
    pairs = {(thing.colour, thing.shape) for scene in drawn for thing in scene.things}
    every = {(colour, shape) for colour in world.COLOURS for shape in world.SHAPES}
    assert pairs == every - world.HELD_OUT


@given(seeds, sizes)
def test_a_slip_has_one_thing_wrong_and_no_pair_that_is_held_out(seed: int, size: tuple[int, int]) -> None:
    scene = random_scene(random.Random(seed), *size)
    kind, wrong = slip(scene, random.Random(seed))

    pairs = {(thing.colour, thing.shape) for thing in wrong.things}
    assert not pairs & world.HELD_OUT
    assert scene.background not in {thing.colour for thing in wrong.things}
    assert replace(wrong, things=scene.things) == scene
    changed = set(scene.things) ^ set(wrong.things)
    assert len(changed) == {"count": 1, "stray": 1, "binding": 4}.get(kind, 2)
    if kind == "count":
        assert abs(len(scene.things) - len(wrong.things)) == 1


@pytest.mark.parametrize(
    ("kind", "ask", "expected"),
    [
        ("count", Ask((Mention("heart"),), 4), True),
        ("shape", Ask((Mention("heart"),)), True),
        ("colour", Ask((Mention("heart"),)), False),
        ("colour", Ask((Mention("heart", "red"),)), True),
        ("size", Ask((Mention("heart", "red"),)), False),
        ("size", Ask((Mention("heart"),), size="small"), True),
        ("binding", Ask((Mention("heart", "red"), Mention("star", "blue")), 2), True),
        ("binding", Ask((Mention("heart"), Mention("star")), 2), False),
        ("count", Ask(), False),
    ],
)
def test_a_slip_contradicts_what_the_caption_names(kind: str, ask: Ask, expected: bool) -> None:
    assert contradicts(kind, ask) is expected


@given(seeds, sizes)
def test_things_are_whole_apart_and_not_lost_on_the_background(seed: int, size: tuple[int, int]) -> None:
    scene = random_scene(random.Random(seed), *size)
    for index, thing in enumerate(scene.things):
        left, top, right, bottom = thing.box
        assert left >= 0
        assert top >= 0
        assert right <= scene.width
        assert bottom <= scene.height
        assert thing.colour != scene.background
        for other in scene.things[index + 1 :]:
            assert apart(thing, other, world.GAP * min(size))


@given(seeds, sizes)
def test_the_unet_learns_from_things_further_apart(index: int, size: tuple[int, int]) -> None:
    scene = Scenes(*size, seed=1).scene(index)
    for one, other in itertools.combinations(scene.things, 2):
        assert apart(one, other, world.LEARNT_GAP * min(size))


def test_the_reader_reads_drawn_scenes_back() -> None:
    wrong = 0
    for seed in range(600):
        rng = random.Random(seed)
        scene = random_scene(rng, *rng.choice(world.SIZES))
        wrong += contents(read(draw(scene))) != contents(scene)
    assert wrong <= 6


def test_a_drawn_scene_shows_what_it_is_captioned_as() -> None:
    wrong = 0
    for seed in range(600):
        rng = random.Random(seed)
        scene = random_scene(rng, *rng.choice(world.SIZES))
        wrong += not shows(read(draw(scene)), ask_of(scene, rng))
    assert wrong <= 6


RED_CIRCLE = Thing("circle", "red", 30, 64, 20)
BLUE_SQUARE = Thing("square", "blue", 95, 64, 20)
SCENE = Scene(128, 128, "white", (RED_CIRCLE, BLUE_SQUARE))
CIRCLE, SQUARE = Mention("circle", "red"), Mention("square", "blue")


@pytest.mark.parametrize(
    ("ask", "right"),
    [
        (Ask((CIRCLE, SQUARE), 2), True),
        (Ask((SQUARE, CIRCLE), 2), True),
        (Ask((CIRCLE, SQUARE), 2, relation="left"), True),
        (Ask((SQUARE, CIRCLE), 2, relation="right"), True),
        (Ask((SQUARE, CIRCLE), 2, relation="beside"), True),
        (Ask((CIRCLE, SQUARE), 2, relation="right"), False),
        (Ask((CIRCLE, SQUARE), 2, relation="above"), False),
        (Ask((CIRCLE, SQUARE), 2, background="white"), True),
        (Ask((CIRCLE, SQUARE), 2, background="pink"), False),
        (Ask((Mention("circle", "blue"), Mention("square", "red")), 2), False),
        (Ask((CIRCLE,)), False),
        (Ask((CIRCLE,), 2), False),
        (Ask(), True),
    ],
)
def test_an_image_is_right_when_all_that_is_asked_is_there_and_nothing_else(ask: Ask, right: bool) -> None:
    assert shows(read(draw(SCENE)), ask) is right


def test_size_words_are_held_against_the_object() -> None:
    big = Scene(128, 128, "white", (Thing("star", "red", 64, 64, 46),))
    assert shows(read(draw(big)), Ask((Mention("star", "red"),), size="large"))
    assert not shows(read(draw(big)), Ask((Mention("star", "red"),), size="small"))


def test_plain_words_are_plain() -> None:
    assert plain_words(Ask((CIRCLE, SQUARE), 2, relation="left")) == "a red circle to the left of a blue square"
    assert plain_words(Ask((Mention("heart"),), 4)) == "four hearts"
    ask = Ask((Mention("star", "orange"),), size="large", background="gray")
    assert plain_words(ask) == "a large orange star on a gray background"
    assert plain_words(Ask((Mention("star", "orange"),))) == "an orange star"


def test_people_say_one_thing_in_many_ways() -> None:
    ask = Ask((Mention("square", "purple"),), size="large")
    said = {words(ask, random.Random(seed)) for seed in range(2000)}
    assert {"a large purple square", "huge violet box"} <= said
    assert any(text.startswith("there is") for text in said)


def test_lab_of_known_colours() -> None:
    lab = to_lab(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], dtype=np.uint8))[0]
    expected = np.array([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0], [53.24, 80.09, 67.20]])
    np.testing.assert_allclose(lab, expected, atol=0.02)


def test_distances_of_tensors_are_those_of_bytes_and_can_be_learnt_from() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    one[0, 0] = 0
    pixels = to_tensor(one).requires_grad_()
    apart = distance(pixels, to_tensor(other))

    expected = np.linalg.norm(to_lab(one) - to_lab(other), axis=-1)
    np.testing.assert_allclose(apart.detach().numpy(), expected, atol=0.05)
    for compared in (apart, distance(pixels, pixels.detach())):
        (gradient,) = torch.autograd.grad(compared.sum(), pixels, retain_graph=True)
        assert torch.isfinite(gradient).all()


def test_the_captions_of_a_seed_never_change() -> None:
    """The digest was taken from the code that trained the published weights: another one means other weights."""
    captions = []
    for seed in range(2000):
        rng = random.Random(seed)
        captions.append(words(ask_of(random_scene(rng, 128, 128), rng), rng))
    captions += [words(Ask(), random.Random(seed)) for seed in range(200)]
    assert hashlib.sha256("\n".join(captions).encode()).hexdigest() == (
        "c4e4af7dcb46cd8eda4dcd68a8eb3183ea93a791e3366eb4192d000b5f3094d1"
    )
