"""The text side of Stable Diffusion XL: hidden layers and pooled text of its encoders, and numbers about the size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor

from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.prompts.chunks import PromptTokenizer
from pipelines.prompts.lengths import TextLength
from pipelines.runtime.networks import Networks
from pipelines.transfers import upload

TEXT_EMBEDS: Final = "text_embeds"
TIME_IDS: Final = "time_ids"

AESTHETIC_SCORE: Final = 6.0
NEGATIVE_AESTHETIC_SCORE: Final = 2.5
"""The scores that the refiner's makers use, for the prompt and for the negative prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextShape:
    """The sizes of the conditioning of a text."""

    tokens: int
    features: int
    """Numbers for each token."""
    pooled: int
    """Numbers for the whole text."""


class XLConditioner:
    """Implements `conditioning.Conditioner`."""

    def __init__(self, tokenizers: Sequence[Any], shape: TextShape, *, takes_score: bool) -> None:
        """Take a transformers.CLIPTokenizer for each text encoder.

        `takes_score` says that the UNet takes an aesthetic score in place of the target size, as the refiner does.
        """
        self._tokenizers = [PromptTokenizer(tokenizer, shape.tokens) for tokenizer in tokenizers]
        self._shape = shape
        self._takes_score = takes_score

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        """Encode texts. The conditioning of no text is zeros."""
        given = [key for key in texts if key.text is not None]
        read = iter(self._read(networks, given) if given else ())
        return [self._zeros(networks) if key.text is None else next(read) for key in texts]

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        """Add the numbers about the size to each row, in the dtype of the text."""
        rows = Conditioning.concatenate(texts)
        numbers = torch.tensor(time_ids(params, rows.rows, takes_score=self._takes_score))
        ids = upload(numbers, rows.hidden.device).to(rows.hidden.dtype)
        return replace(rows, added={**rows.added, TIME_IDS: ids})

    def _read(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        """Encode texts. The pooled text of one that is read in chunks is that of its first chunk."""
        by_encoder = [
            [tokenizer.tokenize(key.text or "", long=key.long) for key in texts] for tokenizer in self._tokenizers
        ]
        ids = torch.stack([torch.tensor([chunk for text in read for chunk in text.ids]) for read in by_encoder], dim=1)
        encoded = torch.split(networks.encode(ids, torch.ones_like(ids)), [len(text.ids) for text in by_encoder[0]])
        lengths = [text.length for text in by_encoder[0]]
        return [self._conditioning(chunks, length) for chunks, length in zip(encoded, lengths, strict=True)]

    def _conditioning(self, chunks: Tensor, length: TextLength) -> Conditioning:
        """Return the conditioning of one text from what `TextEncoders` gives for its chunks, [chunks, numbers]."""
        hidden, pooled = chunks.tensor_split([-self._shape.pooled], dim=1)
        by_token = hidden.reshape(1, -1, self._shape.features)
        # The clones keep a cached conditioning from holding the whole batch in memory.
        return Conditioning(by_token.clone(), {TEXT_EMBEDS: pooled[:1].clone()}, (length,))

    def _zeros(self, networks: Networks) -> Conditioning:
        numbers = torch.zeros(1, dtype=networks.dtype, device=networks.device)
        hidden = numbers.repeat(1, self._shape.tokens, self._shape.features)
        added = {TEXT_EMBEDS: numbers.repeat(1, self._shape.pooled)}
        return Conditioning(hidden, added, (TextLength(read=0, total=0),))


def time_ids(params: GenerationParams, rows: int, *, takes_score: bool) -> list[list[float]]:
    """Return for each row the size before resizing, the corner of the crop, and the size that it was resized to.

    Sizes are height before width, and corners top before left (section 2.2 of arXiv:2307.01952). The refiner has a
    score in place of the last size: a low one for the rows of the negative prompt, which come before the prompt's.
    """
    width, height = params.original_size or (params.width, params.height)
    left, top = params.crop
    start = [float(number) for number in (height, width, top, left)]
    if takes_score:
        return [[*start, score] for score in (*(rows - 1) * [NEGATIVE_AESTHETIC_SCORE], AESTHETIC_SCORE)]
    width, height = params.target_size or (params.width, params.height)
    return [[*start, float(height), float(width)] for _ in range(rows)]
