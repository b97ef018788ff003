"""The text encoders read a text as one network: hidden layers beside each other, and the pooled text at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from pipelines.families.sdxl.text_encoders import TextEncoders

TOKENS = torch.tensor([[[512, 70, 513, 513], [512, 71, 513, 0]], [[512, 513, 513, 513], [512, 513, 0, 0]]])
"""[texts, encoders, tokens]."""


@pytest.fixture(scope="module")
def encoders(zoo: Callable[[str], Path]) -> TextEncoders:
    classes = {"text_encoder": CLIPTextModel, "text_encoder_2": CLIPTextModelWithProjection}
    return TextEncoders([each.from_pretrained(zoo("sdxl") / name) for name, each in classes.items()])


@torch.inference_mode()
def test_each_encoder_reads_its_own_tokens_and_gives_its_last_layer_but_one(encoders: TextEncoders) -> None:
    (result,) = encoders(TOKENS)

    first, second = (
        encoder(TOKENS[:, index], output_hidden_states=True) for index, encoder in enumerate(encoders.encoders)
    )
    hidden = result[:, : -second.text_embeds.shape[1]].view(2, TOKENS.shape[2], -1)
    torch.testing.assert_close(hidden, torch.cat([first.hidden_states[-2], second.hidden_states[-2]], -1))
    torch.testing.assert_close(result[:, -second.text_embeds.shape[1] :], second.text_embeds)


@torch.inference_mode()
def test_tokens_of_one_kind_are_read_by_all_encoders(encoders: TextEncoders) -> None:
    (alike,) = encoders(TOKENS[:, 0])
    (repeated,) = encoders(TOKENS[:, :1].expand(-1, 2, -1))

    torch.testing.assert_close(alike, repeated)
