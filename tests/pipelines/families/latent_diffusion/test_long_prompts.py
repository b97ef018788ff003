"""Long prompts are read in chunks, and images whose texts have different lengths share calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths, TextLength
from pipelines.runtime.modes import RunMode
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.tiny_model import PARAMS, TOKENS, begin

TOLERANCE: Final = 1e-4
ROOM: Final = TOKENS - 2
LONG: Final = replace(PARAMS, long_prompt=True)


def text(chunks: int, letter: str = "z") -> str:
    """Return a text that fills `chunks` chunks; the tiny model's tokenizer makes a token of each letter."""
    return f"{letter} " * (chunks * ROOM)


def of_lengths(*chunks: int) -> list[GenerationParams]:
    """Return images whose prompts have these numbers of chunks, each with a negative prompt of one chunk."""
    return [
        replace(LONG, prompt=text(count, letter), negative_prompt="fog", seed=count)
        for count, letter in zip(chunks, "abcdefg", strict=False)
    ]


def encode_with_diffusers(theirs: Any, texts: list[str]) -> Tensor:
    """Return [1, tokens, features]: the chunks of a prompt, encoded one by one."""
    ids = theirs.tokenizer(texts, padding="max_length", max_length=TOKENS, return_tensors="pt").input_ids
    return torch.cat([theirs.text_encoder(chunk[None])[0] for chunk in ids], dim=1)


def test_a_long_prompt_makes_what_diffusers_makes_of_its_chunks(pipeline: LatentDiffusion, model_folder: Path) -> None:
    theirs = diffusers_reference.load(model_folder)
    theirs.scheduler = DDIMScheduler.from_config(
        theirs.scheduler.config, steps_offset=1, clip_sample=False, set_alpha_to_one=False
    )
    params = replace(LONG, prompt=text(2) + "fox", negative_prompt=text(2, "q") + "fog")
    given = {**diffusers_reference.arguments(params), "prompt": None, "negative_prompt": None}

    (ours,) = finish_joined(pipeline, [params])

    expected = theirs(
        **given,
        prompt_embeds=encode_with_diffusers(theirs, [text(1), text(1), "fox"]),
        negative_prompt_embeds=encode_with_diffusers(theirs, [text(1, "q"), text(1, "q"), "fog"]),
        output_type="latent",
    ).images
    assert diffusers_reference.distance(ours.latents, expected) < TOLERANCE


def test_images_of_different_lengths_are_the_same_together_and_alone(pipeline: LatentDiffusion) -> None:
    images = of_lengths(3, 1, 2)

    together = finish_joined(pipeline, images)

    for params, state in zip(images, together, strict=True):
        (alone,) = finish_joined(pipeline, [params])
        assert diffusers_reference.distance(state.latents, alone.latents) < TOLERANCE


def test_padding_changes_no_row(pipeline: LatentDiffusion) -> None:
    """A guided image pads its negative prompt. Without guidance, nothing is padded."""
    state = begin(pipeline, of_lengths(2)[0])
    rows = [begin(pipeline, replace(LONG, prompt=prompt, guidance_scale=1.0)) for prompt in ("fog", text(2, "a"))]
    for row in rows:
        row.run.slots = state.run.slots

    negative, prompt = pipeline.predict([state])[0]

    assert [row.conditioning.mask for row in rows] == [None, None]
    torch.testing.assert_close(negative, pipeline.predict(rows[:1])[0][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(prompt, pipeline.predict(rows[1:])[0][0], rtol=1e-4, atol=1e-5)


def test_rows_of_one_length_have_no_mask(pipeline: LatentDiffusion) -> None:
    for params in (PARAMS, LONG, replace(LONG, prompt=text(2), negative_prompt=text(2, "q"))):
        assert begin(pipeline, params).conditioning.mask is None


def test_images_of_any_length_share_calls_and_without_long_prompt_they_are_cut(pipeline: LatentDiffusion) -> None:
    states = [begin(pipeline, params) for params in (PARAMS, *of_lengths(3))]

    assert len({state.next_call and state.next_call.key for state in states}) == 1
    cut = begin(pipeline, replace(PARAMS, prompt=text(3)))
    assert cut.conditioning.hidden.shape[1] == TOKENS


@pytest.mark.parametrize(
    ("params", "lengths"),
    [
        (
            replace(PARAMS, prompt="zz " * ROOM, negative_prompt="q"),
            PromptLengths(prompt=TextLength(read=ROOM, total=2 * ROOM), negative=TextLength(read=1, total=1)),
        ),
        (
            replace(PARAMS, prompt="a", negative_prompt=text(2)),
            PromptLengths(prompt=TextLength(read=1, total=1), negative=TextLength(read=ROOM, total=2 * ROOM)),
        ),
        (
            replace(LONG, prompt=text(2), negative_prompt=None),
            PromptLengths(prompt=TextLength(read=2 * ROOM, total=2 * ROOM), negative=TextLength(read=0, total=0)),
        ),
        (
            replace(PARAMS, prompt="a", negative_prompt="b", guidance_scale=1.0),
            PromptLengths(prompt=TextLength(read=1, total=1)),
        ),
    ],
)
def test_an_image_knows_how_much_of_its_texts_was_read(
    pipeline: LatentDiffusion, params: GenerationParams, lengths: PromptLengths
) -> None:
    assert begin(pipeline, params).prompt_lengths == lengths


def test_in_exact_mode_the_bits_of_a_long_prompt_do_not_depend_on_the_others(model_folder: Path) -> None:
    exact = tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=4))
    images = of_lengths(3, 1)

    together = finish_joined(exact, images)

    for params, state in zip(images, together, strict=True):
        assert torch.equal(state.latents, finish_joined(exact, [params])[0].latents)
        assert state.conditioning.hidden.shape[1] == exact.info.long_prompt_tokens


def test_in_exact_mode_long_prompts_share_calls_with_each_other_alone(model_folder: Path) -> None:
    exact = tiny_model.load(model_folder, mode=RunMode(exact=True, max_rows=4))

    short, *long = [begin(exact, params).next_call for params in (PARAMS, *of_lengths(1, 3))]

    assert long[0] == long[1] != short
    assert [exact.plan(params).calls[1] for params in (PARAMS, *of_lengths(1, 3))] == [short, *long]


def test_an_upcast_image_reads_a_long_prompt_too(pipeline: LatentDiffusion) -> None:
    params = of_lengths(2)[0]

    state = pipeline.begin_upcast(params)

    assert state.conditioning.hidden.shape[1] == 2 * TOKENS
    assert state.prompt_lengths == begin(pipeline, params).prompt_lengths
