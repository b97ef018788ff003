"""LatentDiffusion keeps the pipeline contract that the engine relies on: calls, steps, errors, previews and texts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines.errors import InvalidParamsError, NonFiniteError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import BatchKey, CostKey, NextCall, Stage, finish_or_raise
from pipelines.params import GenerationParams
from pipelines.sampling.samplers import SAMPLERS
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import TOKENS, begin

PARAMS = GenerationParams(
    prompt="a red fox", width=64, height=48, steps=4, guidance_scale=5.0, seed=3, sampler="dpm++_2m"
)


def call(pipeline: LatentDiffusion, *states: LatentState) -> None:
    finish_or_raise(pipeline.advance(states, pipeline.predict(states)))


def fill_with_nan(state: LatentState) -> LatentState:
    state.run.slots = torch.full_like(state.run.slots, float("nan"))
    return state


def test_a_new_image_names_its_next_call(pipeline: LatentDiffusion) -> None:
    key = BatchKey(Stage.DENOISE, "tiny", latent_height=6, latent_width=8)
    cost = CostKey(Stage.DENOISE, PARAMS.width, PARAMS.height, model="tiny")

    assert begin(pipeline, PARAMS).next_call == NextCall(key, cost, rows=2, calls_left=4)
    assert begin(pipeline, replace(PARAMS, guidance_scale=1.0)).next_call == NextCall(key, cost, rows=1, calls_left=4)


@pytest.mark.parametrize(
    ("sampler", "steps_after_each_call"),
    [("ddim", [1, 2, 3, 4]), ("heun", [0, 1, 1, 2, 2, 3, 4]), ("pndm", [0, 1, 2, 3, 4])],
)
def test_steps_count_as_users_count_them_and_calls_as_unet_calls(
    pipeline: LatentDiffusion, sampler: str, steps_after_each_call: list[int]
) -> None:
    state = begin(pipeline, replace(PARAMS, sampler=sampler))
    calls_left, steps = [], []
    while state.next_call:
        calls_left.append(state.next_call.calls_left)
        call(pipeline, state)
        steps.append(state.step)

    assert steps == steps_after_each_call
    assert calls_left == list(range(SAMPLERS[sampler].calls(4), 0, -1))


def test_equal_params_make_equal_images_and_another_seed_makes_another(pipeline: LatentDiffusion) -> None:
    seeds = (PARAMS.seed, PARAMS.seed, PARAMS.seed + 2**32)
    states = [begin(pipeline, replace(PARAMS, seed=seed)) for seed in seeds]
    while states[0].next_call:
        for state in states:
            call(pipeline, state)

    first, again, other = (
        pipeline.decode(states[:1])[0],
        pipeline.decode(states[1:2])[0],
        pipeline.decode(states[2:])[0],
    )
    assert first == again
    assert first.pixels != other.pixels


def test_prompt_negative_prompt_and_guidance_each_change_the_image(pipeline: LatentDiffusion) -> None:
    variants: list[dict[str, Any]] = [{}, {"prompt": "a blue car"}, {"negative_prompt": "fog"}, {"guidance_scale": 9.0}]
    states = [begin(pipeline, replace(PARAMS, **variant)) for variant in variants]

    call(pipeline, *states)

    results = {state.latents.numpy().tobytes() for state in states}
    assert len(results) == len(variants)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 60),
        ("height", 24),
        ("width", 136),
        ("steps", 0),
        ("steps", 151),
        ("guidance_scale", 31.0),
        ("guidance_scale", float("nan")),
        ("sampler", "unheard of"),
        ("schedule", "unheard of"),
    ],
)
def test_params_beyond_the_models_limits_are_refused_by_field(
    pipeline: LatentDiffusion, field: str, value: Any
) -> None:
    params = replace(PARAMS, **{field: value})

    with pytest.raises(InvalidParamsError) as refusal:
        begin(pipeline, params)
    assert refusal.value.field == field
    assert "unheard of" not in str(refusal.value)


def test_a_sampler_may_take_fewer_steps_than_the_model(pipeline: LatentDiffusion) -> None:
    with pytest.raises(InvalidParamsError, match="at most 50 with the sampler lcm"):
        begin(pipeline, replace(PARAMS, sampler="lcm", steps=51))


def test_an_image_of_nan_fails_alone(pipeline: LatentDiffusion) -> None:
    sound, broken = begin(pipeline, PARAMS), fill_with_nan(begin(pipeline, PARAMS))

    update = pipeline.advance([sound, broken], pipeline.predict([sound, broken]))

    assert update.ready
    good, bad = update.finish()
    assert good is None
    assert sound.latents.isfinite().all()
    assert sound.step == 1
    assert isinstance(bad, NonFiniteError)
    assert bad.positions == (1,)


def test_a_preview_can_be_drawn_at_any_time_and_changes_nothing(pipeline: LatentDiffusion) -> None:
    state, twin = begin(pipeline, PARAMS), begin(pipeline, PARAMS)
    while state.next_call:
        preview = pipeline.preview(state)
        assert preview == pipeline.preview(state)
        assert (preview.width, preview.height) == (32, 24)
        call(pipeline, state)
        call(pipeline, twin)

    assert torch.equal(state.latents, twin.latents)


def test_texts_encoded_together_equal_texts_encoded_alone(pipeline: LatentDiffusion) -> None:
    together = tiny_model.encode(pipeline, "a cat", "", "ein Hündchen ☂")

    for text, conditioning in zip(["a cat", "", "ein Hündchen ☂"], together, strict=True):
        (alone,) = tiny_model.encode(pipeline, text)
        assert conditioning.shape == (1, TOKENS, 16)
        assert conditioning.untyped_storage().nbytes() == conditioning.nbytes
        torch.testing.assert_close(conditioning, alone)


def test_a_text_is_cut_at_the_models_length(pipeline: LatentDiffusion) -> None:
    read = "a" * (TOKENS - 2)

    longer, longest, other = tiny_model.encode(pipeline, read + "bc", read + "bcd", read[:-1] + "bcd")

    assert pipeline.info.prompt_tokens == TOKENS
    assert torch.equal(longer, longest)
    assert not torch.equal(longer, other)
