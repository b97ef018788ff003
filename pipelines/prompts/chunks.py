"""Token ids of prompts, in the form in which a CLIP text encoder reads them: whole, cut, or in chunks. No network.

A chunk has the start, up to 75 tokens of the prompt, the end, and padding up to the encoder's length. Prompts are
divided as AUTOMATIC1111's web UI divides them: at the last comma of a chunk, where that is near the chunk's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS, TextLength

_LOOK_BACK: Final = 20
"""Tokens at the end of a chunk among which a comma ends it early."""


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The tokens that an encoder reads of one text."""

    ids: Sequence[Sequence[int]]
    """[chunks, tokens]."""
    mask: Sequence[Sequence[int]]
    """[chunks, tokens]: 0 for padding, and 1 for all else."""
    length: TextLength


class PromptTokenizer:
    """Tokenizes prompts for one text encoder."""

    def __init__(self, tokenizer: Any, tokens: int) -> None:
        """Take a transformers.CLIPTokenizer. `tokens` is the length that the encoder reads, start and end included."""
        self._tokenizer = tokenizer
        self._tokens = tokens
        self._start, self._end = tokenizer("").input_ids
        self._commas = frozenset(tokenizer(",", add_special_tokens=False).input_ids)

    def tokenize(self, text: str, *, long: bool) -> TokenizedText:
        """Tokenize a text. One that is too long is read in at most `MAX_PROMPT_CHUNKS` chunks if it is `long`, and cut
        otherwise."""
        ids: list[int] = self._tokenizer(text, add_special_tokens=False, verbose=False).input_ids
        room = self._tokens - 2
        chunks = _divide(ids, room, self._commas)[:MAX_PROMPT_CHUNKS] if long else [ids[:room]]
        length = TextLength(read=sum(map(len, chunks)), total=len(ids))
        padding = [room - len(chunk) for chunk in chunks]
        pad = self._tokenizer.pad_token_id
        return TokenizedText(
            [[self._start, *chunk, self._end, *[pad] * n] for chunk, n in zip(chunks, padding, strict=True)],
            [[1] * (self._tokens - n) + [0] * n for n in padding],
            length,
        )


def _divide(ids: Sequence[int], room: int, commas: frozenset[int]) -> list[Sequence[int]]:
    """Divide ids into chunks of at most `room`. There is at least one, which may be empty."""
    chunks = []
    while len(ids) > room:
        end = room
        if ids[room] not in commas:
            near = range(room - 1, max(room - _LOOK_BACK, 0) - 1, -1)
            end = next((place + 1 for place in near if ids[place] in commas), room)
        chunks.append(ids[:end])
        ids = ids[end:]
    return [*chunks, ids]
