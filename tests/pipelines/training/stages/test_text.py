"""The text stage has the right target classes and batches, and leaves padding out without changing an encoding."""

from __future__ import annotations

import torch
from transformers import CLIPTokenizer

from pipelines.training.scenes.captions import Mention, PromptSpec
from pipelines.training.stages.text import (
    HEADS,
    TextObjective,
    new_text_encoder,
    target_classes,
    text_batches,
    token_ids,
    trim_padding,
)


def test_a_relation_and_its_opposite_have_the_same_target_classes() -> None:
    circle, square = Mention("circle", "red"), Mention("square")
    one = target_classes(PromptSpec((circle, square), 2, relation="left", background="pink"))
    other = target_classes(PromptSpec((square, circle), 2, relation="right", background="pink"))
    assert one == other
    assert len(one) == len(HEADS)
    assert one != target_classes(PromptSpec((square, circle), 2, relation="left", background="pink"))


def test_text_batches_fit_the_text_objective(tokenizer: CLIPTokenizer) -> None:
    loss = TextObjective(new_text_encoder(tokenizer))(**text_batches(tokenizer, 0)(0, range(4)))
    assert 1.0 < loss.item() < 4.0


def test_removing_the_padding_does_not_change_the_encoding(tokenizer: CLIPTokenizer) -> None:
    torch.manual_seed(0)
    encoder = new_text_encoder(tokenizer)
    tokens = token_ids(tokenizer, ["a red circle", "three blue stars on a white background"])
    short = trim_padding(tokens, tokenizer.eos_token_id)
    assert short.shape[1] < tokens.shape[1]
    torch.testing.assert_close(encoder(short).pooler_output, encoder(tokens).pooler_output)
