"""The text stage: pretrains the text encoder before it is trained together with the UNet.

The diffusion loss teaches language slowly, since most of it is about edges. So the encoder first learns to classify
what a caption asks for: from its state at the end token, linear heads predict the shape and color of each role, the
count, the size and the background. "A left of B" and "B right of A" fill the same roles, since they describe the same
image. The heads are not published.
"""

from __future__ import annotations

import random
from typing import Final

import torch
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipelines.training.loop import Batch, BatchSource, sample_rng
from pipelines.training.scenes import domain
from pipelines.training.scenes.captions import PromptSpec, random_prompt, random_spec
from pipelines.training.scenes.scene import random_scene
from pipelines.training.stages.tokenizer import PROMPT_TOKENS

WIDTH: Final = 128
ROLES: Final = ("all", "first", "second", "left", "right", "above", "below", "beside_first", "beside_second")
SHAPES: Final = ("nothing", *domain.SHAPES)
COLORS: Final = ("nothing", "any", *domain.COLORS)
SIZES: Final = ("unspecified", "small", "large")
BACKGROUNDS: Final = ("unspecified", *domain.BACKGROUNDS)
COUNTS: Final = 5
UNRELATED_SHARE: Final = 0.3
"""Share of the specs without a relation that the text stage keeps."""
OPPOSITE: Final = {"left": "right", "right": "left", "above": "below", "below": "above"}
HEADS: Final = (*((len(SHAPES), len(COLORS)) * len(ROLES)), len(SIZES), len(BACKGROUNDS), COUNTS)
"""Number of classes of each head: shape and color of each role, then size, background and count."""


def new_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Returns an untrained text encoder for the tokenizer's vocabulary."""
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
    """Returns token ids [B, 32], padded with end tokens and truncated as Stable Diffusion does."""
    return torch.tensor(tokenizer(texts, padding="max_length", max_length=PROMPT_TOKENS, truncation=True)["input_ids"])


def target_classes(spec: PromptSpec) -> list[int]:
    """Returns the right class for each of `HEADS`."""
    roles = dict.fromkeys(ROLES, (0, 0))
    for role, mention in zip(_roles(spec), spec.mentions, strict=True):
        roles[role] = (SHAPES.index(mention.shape), COLORS.index(mention.color or "any"))
    count = spec.count if spec.mentions else 0
    scene = [SIZES.index(spec.size or "unspecified"), BACKGROUNDS.index(spec.background or "unspecified"), count]
    return [answer for pair in roles.values() for answer in pair] + scene


def _roles(spec: PromptSpec) -> tuple[str, ...]:
    if len(spec.mentions) < 2:
        return ("all",) * len(spec.mentions)
    if spec.relation is None:
        return "first", "second"
    if spec.relation == "beside":
        return "beside_first", "beside_second"
    return spec.relation, OPPOSITE[spec.relation]


class TextObjective(nn.Module):
    """The loss of the text stage: the mean cross-entropy of all heads, applied to the state at the end token."""

    def __init__(self, encoder: CLIPTextModel) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.Linear(WIDTH, sum(HEADS))

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean loss. `tokens` are [B, T] with T up to 32, `targets` [B, len(HEADS)]."""
        return self.loss(self.encoder(tokens).pooler_output, targets)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean loss. `states` [B, WIDTH] are those at the end token; `targets` are [B, len(HEADS)]."""
        logits = self.heads(states).split(HEADS, dim=1)
        losses = [nn.functional.cross_entropy(logit, targets[:, i]) for i, logit in enumerate(logits)]
        return torch.stack(losses).mean()


def text_batches(tokenizer: CLIPTokenizer, seed: int) -> BatchSource:
    """Returns batches of captions and their target classes."""

    def batch(step: int, indices: range) -> Batch:
        specs, texts = [], []
        for index in indices:
            rng = sample_rng(seed, step, index)
            spec = _draw_spec(rng)
            specs.append(spec)
            texts.append(random_prompt(spec, rng))
        tokens = trim_padding(token_ids(tokenizer, texts), tokenizer.eos_token_id)
        return {"tokens": tokens, "targets": torch.tensor([target_classes(spec) for spec in specs])}

    return batch


def _draw_spec(rng: random.Random) -> PromptSpec:
    """Returns a random spec, mostly with a relation, since relations take longest to learn."""
    while True:
        spec = random_spec(random_scene(rng, 128, 128), rng)
        if spec.relation is not None or rng.random() < UNRELATED_SHARE:
            return spec


def trim_padding(tokens: Tensor, end: int) -> Tensor:
    """Removes the columns after the longest caption's end token. Attention is causal, so no earlier state changes."""
    longest = int((tokens == end).int().argmax(dim=1).max()) + 1
    return tokens[:, :longest]
