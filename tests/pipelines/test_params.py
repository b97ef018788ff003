"""The parameters of an image name the pixels that it needs, and what guides it."""

from __future__ import annotations

from dataclasses import replace

from pipelines.params import GenerationParams, PixelKey

PARAMS = GenerationParams(
    prompt="a fox",
    width=64,
    height=96,
    steps=1,
    guidance_scale=5.0,
    seed=0,
    sampler="ddim",
)


def test_an_image_from_noise_alone_needs_no_pixels() -> None:
    assert PARAMS.pixels == ()


def test_an_image_needs_its_inputs_at_its_own_size_and_the_mask_last() -> None:
    assert replace(PARAMS, image="a").pixels == (PixelKey("a", 64, 96),)
    assert replace(PARAMS, mask="b", image="a").pixels == (PixelKey("a", 64, 96), PixelKey("b", 64, 96))


def test_an_image_guides_an_edit_beside_the_prompt_and_not_instead_of_it() -> None:
    scales = [(5.0, 1.5), (5.0, 1.0), (1.0, 1.5)]
    edits = [replace(PARAMS, guidance_scale=prompt, image_guidance_scale=image) for prompt, image in scales]

    assert [edit.image_guided for edit in edits] == [True, False, False]
