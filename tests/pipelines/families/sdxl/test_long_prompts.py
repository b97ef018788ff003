"""Long prompts of Stable Diffusion XL: both encoders read the chunks, and the pooled text is that of the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from tests.harness.models import diffusers_reference, tiny_model
from tests.harness.models.denoising import finish_joined
from tests.harness.models.diffusers_reference import arguments, distance, latents

TOLERANCE: Final = 3e-5
PARAMS: Final = GenerationParams(
    prompt="", width=64, height=64, steps=3, guidance_scale=5.0, seed=1, sampler="euler", long_prompt=True
)


@pytest.fixture(scope="module")
def base(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl"))


@pytest.fixture(scope="module")
def reference(zoo: Callable[[str], Path]) -> Any:
    return diffusers_reference.load(zoo("sdxl"))


def words(base: LatentDiffusion, chunks: int, letter: str) -> list[str]:
    """Texts that fill a chunk each; the tiny models' tokenizers make a token of each letter."""
    return [f"{letter} " * (base.info.prompt_tokens - 2)] * chunks


def embed(theirs: Any, chunks: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return the hidden features of all chunks, one after the other, and the pooled text of the first."""
    hidden, _, pooled, _ = zip(
        *(theirs.encode_prompt(chunk, device="cpu", do_classifier_free_guidance=False) for chunk in chunks), strict=True
    )
    return torch.cat(hidden, dim=1), pooled[0]


def test_a_long_prompt_makes_what_diffusers_makes_of_its_chunks(base: LatentDiffusion, reference: Any) -> None:
    prompt, negative = [*words(base, 2, "z"), "a fox"], [*words(base, 2, "q"), "fog"]
    params = replace(PARAMS, prompt="".join(prompt), negative_prompt="".join(negative))
    embeds, pooled = embed(reference, prompt)
    negative_embeds, negative_pooled = embed(reference, negative)
    given = {**arguments(params), "prompt": None, "negative_prompt": None}

    (ours,) = finish_joined(base, [params])

    expected = reference(
        **given,
        prompt_embeds=embeds,
        pooled_prompt_embeds=pooled,
        negative_prompt_embeds=negative_embeds,
        negative_pooled_prompt_embeds=negative_pooled,
        output_type="latent",
    ).images
    assert distance(ours.latents, expected) < TOLERANCE


def test_long_and_short_prompts_share_calls(base: LatentDiffusion, reference: Any) -> None:
    """The short ones make what diffusers makes of them. One without a negative prompt is guided away from zeros."""
    short = [replace(PARAMS, prompt="a fox", negative_prompt=text, seed=2) for text in ("fog", None)]
    long = [replace(PARAMS, prompt="".join(words(base, 3, "z")), negative_prompt=text) for text in ("fog", None)]

    made = finish_joined(base, [*short, *long])

    for state, params in zip(made[:2], short, strict=True):
        assert distance(state.latents, latents(reference, params)) < TOLERANCE
    for state, params in zip(made[2:], long, strict=True):
        assert distance(state.latents, finish_joined(base, [params])[0].latents) < TOLERANCE
        assert (
            state.prompt_lengths.prompt.read == state.prompt_lengths.prompt.total == 3 * (base.info.prompt_tokens - 2)
        )
