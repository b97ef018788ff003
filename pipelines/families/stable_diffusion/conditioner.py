"""The text side of Stable Diffusion 1.x and 2.x: one CLIP text encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks


class ClipConditioner:
    """Implements `conditioning.Conditioner`."""

    def __init__(self, tokenizer: Any, prompt_tokens: int) -> None:
        """Take a transformers.CLIPTokenizer. Texts are cut or filled up to `prompt_tokens`."""
        self._tokenizer = tokenizer
        self._prompt_tokens = prompt_tokens

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        tokens = self._tokenizer(
            [key.text or "" for key in texts],
            padding="max_length",
            max_length=self._prompt_tokens,
            truncation=True,
            return_tensors="pt",
        )
        return Conditioning(networks.encode(tokens.input_ids, tokens.attention_mask)).split()

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        return Conditioning.concatenate(texts)
