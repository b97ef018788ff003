"""Prompts are worded plainly for tests and variously for training, and always hold for their scene."""

from __future__ import annotations

import hashlib
import random

from hypothesis import given
from hypothesis import strategies as st

from pipelines.training.evaluation.image_grader import matches
from pipelines.training.scenes.captions import Mention, PromptSpec, plain_prompt, random_prompt, random_spec
from pipelines.training.scenes.scene import random_scene


def test_a_plain_prompt_uses_the_usual_words() -> None:
    assert (
        plain_prompt(PromptSpec((Mention("circle", "red"), Mention("square", "blue")), 2, relation="left"))
        == "a red circle to the left of a blue square"
    )
    assert plain_prompt(PromptSpec((Mention("heart"),), 4)) == "four hearts"
    spec = PromptSpec((Mention("star", "orange"),), size="large", background="gray")
    assert plain_prompt(spec) == "a large orange star on a gray background"
    assert plain_prompt(PromptSpec((Mention("star", "orange"),))) == "an orange star"


def test_random_prompts_use_synonyms_and_prefixes() -> None:
    spec = PromptSpec((Mention("square", "purple"),), size="large")
    prompts = {random_prompt(spec, random.Random(seed)) for seed in range(2000)}
    assert {"a large purple square", "huge violet box"} <= prompts
    assert any(text.startswith("there is") for text in prompts)


def test_the_captions_of_a_seed_never_change() -> None:
    """The digest was taken from the code that trained the published weights: another one means other weights."""
    captions = []
    for seed in range(2000):
        rng = random.Random(seed)
        captions.append(random_prompt(random_spec(random_scene(rng, 128, 128), rng), rng))
    captions += [random_prompt(PromptSpec(), random.Random(seed)) for seed in range(200)]
    assert hashlib.sha256("\n".join(captions).encode()).hexdigest() == (
        "c4e4af7dcb46cd8eda4dcd68a8eb3183ea93a791e3366eb4192d000b5f3094d1"
    )


@given(st.integers(0, 2**32))
def test_a_random_spec_holds_for_its_scene(seed: int) -> None:
    rng = random.Random(seed)
    scene = random_scene(rng, 128, 128)
    assert matches(scene, random_spec(scene, rng))
