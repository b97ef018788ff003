"""The text encoders of Stable Diffusion XL as one network (section 2.1 of arXiv:2307.01952)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

_TOKENS_BY_ENCODER: Final = 3
"""Dimensions of token ids that differ by encoder."""


class TextEncoders(nn.Module):
    """CLIP text encoders that read a text beside each other. The base model has two, and the refiner the second alone.

    A row of its result holds all that a text gives, in one vector: for each token the last hidden layers but one of all
    encoders, without the norm that the encoder itself puts after its last layer, and then the pooled text of the last
    encoder.
    """

    def __init__(self, encoders: Sequence[Any]) -> None:
        """Take transformers' CLIP text models, the last of them with a projection."""
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    @property
    def config(self) -> Any:
        """The configuration of the last encoder."""
        return self.encoders[-1].config

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> tuple[Tensor]:
        """Read token ids [B, encoders, tokens], or [B, tokens] by all encoders alike.

        Returns [B, tokens * features + pooled features]. There is never a mask: these encoders read the padding too.
        """
        each = tokens.unbind(1) if tokens.dim() == _TOKENS_BY_ENCODER else [tokens] * len(self.encoders)
        read = [encoder(ids, output_hidden_states=True) for encoder, ids in zip(self.encoders, each, strict=True)]
        hidden = torch.cat([result.hidden_states[-2] for result in read], dim=-1)
        return (torch.cat([hidden.flatten(1), read[-1].text_embeds], dim=1),)
