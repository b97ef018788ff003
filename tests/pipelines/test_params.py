"""The parameters of an image name the texts that it needs."""

from __future__ import annotations

from dataclasses import replace

from pipelines.params import GenerationParams

PARAMS = GenerationParams(
    prompt="a fox",
    negative_prompt="fog",
    width=64,
    height=64,
    steps=1,
    guidance_scale=5.0,
    seed=0,
    sampler="ddim",
)


def test_a_guided_image_needs_its_negative_prompt_and_then_its_prompt() -> None:
    assert PARAMS.texts == ("fog", "a fox")
    assert replace(PARAMS, negative_prompt="").texts == ("", "a fox")


def test_an_unguided_image_needs_its_prompt_alone() -> None:
    assert replace(PARAMS, guidance_scale=1.0).texts == ("a fox",)
