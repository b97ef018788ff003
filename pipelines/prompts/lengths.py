"""The lengths of texts, in tokens, and of the parts of them that a model reads. Values only; torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_PROMPT_CHUNKS: Final = 8
"""Most chunks in which a long prompt is read. What lies beyond them is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLength:
    """The tokens of a text that the model reads, and all of its tokens, without start and end."""

    read: int
    total: int

    @property
    def cut(self) -> bool:
        return self.read < self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLengths:
    """The lengths of an image's texts."""

    prompt: TextLength
    negative: TextLength | None = None
    """The length of the negative prompt. None without guidance, where it has no effect."""
