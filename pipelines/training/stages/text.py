"""The text stage: a warm start for the text encoder, before it is trained together with the UNet.

Diffusion teaches language slowly, since most of its loss is about edges. So the encoder first learns to say what a
caption asks: from its state at the end token, linear heads read off which shape and colour each role has, how many,
how large and on what. "A left of B" and "B right of A" fill the same roles, which is what an image needs to know.
The heads are thrown away.
"""

from __future__ import annotations

import random
from typing import Final

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipelines.training.loop import Batch, BatchSource, sample_rng
from pipelines.training.scenes import world
from pipelines.training.scenes.captions import Ask, ask_of, words
from pipelines.training.scenes.scene import random_scene
from pipelines.training.stages.tokenizer import PROMPT_TOKENS

WIDTH: Final = 128
ROLES: Final = ("all", "first", "second", "left", "right", "above", "below", "beside_first", "beside_second")
SHAPES: Final = ("nothing", *world.SHAPES)
COLOURS: Final = ("nothing", "any", *world.COLOURS)
SIZES: Final = ("unsaid", "small", "large")
GROUNDS: Final = ("unsaid", *world.BACKGROUNDS)
COUNTS: Final = 5
PLAIN_SHARE: Final = 0.3
"""Of the asks without a relation, how many the text stage learns from."""
OPPOSITE: Final = {"left": "right", "right": "left", "above": "below", "below": "above"}
HEADS: Final = (*((len(SHAPES), len(COLOURS)) * len(ROLES)), len(SIZES), len(GROUNDS), COUNTS)
"""Number of classes of each head."""


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=PROMPT_TOKENS,
            projection_dim=WIDTH,
            hidden_act="quick_gelu",
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """[B, 32], padded with end tokens and cut to length as Stable Diffusion does."""
    return torch.tensor(tokenizer(texts, padding="max_length", max_length=PROMPT_TOKENS, truncation=True)["input_ids"])


def answers(ask: Ask) -> list[int]:
    """The right class for each of `HEADS`."""
    roles = dict.fromkeys(ROLES, (0, 0))
    for role, mention in zip(_roles(ask), ask.mentions, strict=True):
        roles[role] = (SHAPES.index(mention.shape), COLOURS.index(mention.colour or "any"))
    count = ask.count if ask.mentions else 0
    scene = [SIZES.index(ask.size or "unsaid"), GROUNDS.index(ask.background or "unsaid"), count]
    return [answer for pair in roles.values() for answer in pair] + scene


def _roles(ask: Ask) -> tuple[str, ...]:
    if len(ask.mentions) < 2:
        return ("all",) * len(ask.mentions)
    if ask.relation is None:
        return "first", "second"
    if ask.relation == "beside":
        return "beside_first", "beside_second"
    return ask.relation, OPPOSITE[ask.relation]


class TextObjective(nn.Module):
    """Mean cross-entropy of all heads, read at the end token."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.Linear(WIDTH, sum(HEADS))

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """`tokens` [B, T], T up to 32; `targets` [B, len(HEADS)]."""
        return self.loss(self.encoder(tokens).pooler_output, targets)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """`states` [B, WIDTH] at the end token; `targets` [B, len(HEADS)]."""
        logits = self.heads(states).split(HEADS, dim=1)
        losses = [nn.functional.cross_entropy(logit, targets[:, i]) for i, logit in enumerate(logits)]
        return torch.stack(losses).mean()


def text_batches(tokenizer: CLIPTokenizer, seed: int) -> BatchSource:
    def batch(step: int, indices: range) -> Batch:
        asks, texts = [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            ask = _ask(rng)
            asks.append(ask)
            texts.append(words(ask, rng))
        tokens = trimmed(token_ids(tokenizer, texts), tokenizer.eos_token_id)
        return {"tokens": tokens, "targets": torch.tensor([answers(ask) for ask in asks])}

    return batch


def _ask(rng: random.Random) -> Ask:
    """Relations are what takes long to learn, so most of the asks without one are passed over."""
    while True:
        ask = ask_of(random_scene(rng, 128, 128), rng)
        if ask.relation is not None or rng.random() < PLAIN_SHARE:
            return ask


def trimmed(tokens: Tensor, end: int) -> Tensor:
    """[B, T], cut behind the longest caption's end token. Attention is causal: no state before the cut changes."""
    longest = int((tokens == end).int().argmax(dim=1).max()) + 1
    return tokens[:, :longest]
