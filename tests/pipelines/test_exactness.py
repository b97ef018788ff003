"""A row's result depends on the shape of its batch and never on the other rows, to the bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from pipelines.latent_diffusion import LatentDiffusion, LatentState
from pipelines.params import GenerationParams

PICTURE = GenerationParams(prompt="a fox", width=64, height=64, steps=4, guidance_scale=5.0, seed=1, sampler="euler_a")
FRIENDS = [replace(PICTURE, prompt="a car", seed=2), replace(PICTURE, guidance_scale=1.0, seed=3)]
STRANGERS = [
    replace(PICTURE, prompt="trees", seed=4, sampler="heun", steps=9, guidance_scale=29.0),
    replace(PICTURE, prompt="", guidance_scale=0.0, seed=5, sampler="unipc"),
]


def begin(pipeline: LatentDiffusion, params: GenerationParams) -> LatentState:
    prompt, negative = pipeline.encode([params.prompt, params.negative_prompt])
    return pipeline.begin(params, prompt, negative)


def finish_in_company(pipeline: LatentDiffusion, others: Sequence[LatentState]) -> tuple[LatentState, bytes]:
    """The picture between two others, in every call and in its decode; only the picture itself advances."""
    state = begin(pipeline, PICTURE)
    company = [others[0], state, others[1]]
    while state.demand:
        pipeline.advance(state, pipeline.predict(company)[1])
    return state, pipeline.decode([begin(pipeline, FRIENDS[0]), state])[1].pixels


@pytest.fixture(scope="module")
def expected(pipeline: LatentDiffusion) -> tuple[LatentState, bytes]:
    return finish_in_company(pipeline, [begin(pipeline, params) for params in FRIENDS])


def test_other_companions_change_no_bit(pipeline: LatentDiffusion, expected: tuple[LatentState, bytes]) -> None:
    state, pixels = finish_in_company(pipeline, [begin(pipeline, params) for params in STRANGERS])

    assert torch.equal(state.latents, expected[0].latents)
    assert pixels == expected[1]


def test_a_companion_of_nan_changes_no_bit(pipeline: LatentDiffusion, expected: tuple[LatentState, bytes]) -> None:
    companions = [begin(pipeline, params) for params in FRIENDS]
    for companion in companions:
        companion.latents = torch.full_like(companion.latents, float("nan"))

    state, pixels = finish_in_company(pipeline, companions)

    assert torch.equal(state.latents, expected[0].latents)
    assert pixels == expected[1]


def test_other_texts_beside_a_text_change_no_bit(pipeline: LatentDiffusion) -> None:
    assert torch.equal(pipeline.encode(["a fox", "a car"])[0], pipeline.encode(["a fox", "x" * 100])[0])


@pytest.mark.parametrize("sampler", ["ddim", "euler", "heun", "unipc", "pndm", "dpm++_2m_sde"])
def test_a_prediction_made_and_thrown_away_changes_nothing(pipeline: LatentDiffusion, sampler: str) -> None:
    params = replace(PICTURE, sampler=sampler)
    once, twice = begin(pipeline, params), begin(pipeline, params)
    while once.demand:
        pipeline.predict([twice])
        for state in (once, twice):
            (prediction,) = pipeline.predict([state])
            pipeline.advance(state, prediction)
        assert torch.equal(once.latents, twice.latents)
        assert once.demand == twice.demand
