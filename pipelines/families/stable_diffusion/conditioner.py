"""The text side of Stable Diffusion 1.x and 2.x: one CLIP text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.prompts.chunks import PromptTokenizer
from pipelines.runtime.networks import Networks


class ClipConditioner:
    """Implements `conditioning.Conditioner`."""

    def __init__(self, tokenizer: Any, prompt_tokens: int) -> None:
        """Take a transformers.CLIPTokenizer. `prompt_tokens` is the length that the encoder reads."""
        self._tokenizer = PromptTokenizer(tokenizer, prompt_tokens)

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        read = [self._tokenizer.tokenize(key.text or "", long=key.long) for key in texts]
        ids = torch.tensor([chunk for text in read for chunk in text.ids])
        mask = torch.tensor([chunk for text in read for chunk in text.mask])
        chunks = torch.split(networks.encode(ids, mask), [len(text.ids) for text in read])
        return [
            # The clones keep a cached conditioning from holding the whole batch in memory.
            Conditioning(hidden.flatten(0, 1)[None].clone(), lengths=(text.length,))
            for hidden, text in zip(chunks, read, strict=True)
        ]

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        return Conditioning.concatenate(texts)
