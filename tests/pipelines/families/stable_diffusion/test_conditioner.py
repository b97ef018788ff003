"""Texts are conditioned by the one text encoder, and no text by the empty one."""

from __future__ import annotations

import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import TextKey
from tests.harness.models import tiny_model


def test_no_text_is_conditioned_as_the_empty_text(pipeline: LatentDiffusion) -> None:
    none, empty = pipeline.encode([TextKey(pipeline.info.name, text) for text in (None, "")])

    assert torch.equal(none.hidden, empty.hidden)


def test_an_image_is_conditioned_by_its_texts_in_their_order(pipeline: LatentDiffusion) -> None:
    state = tiny_model.begin(pipeline, tiny_model.PARAMS)

    expected = tiny_model.encode(pipeline, tiny_model.PARAMS.negative_prompt or "", tiny_model.PARAMS.prompt)
    torch.testing.assert_close(state.conditioning.hidden, torch.cat(expected))
