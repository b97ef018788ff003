"""How much of a text a model reads. Values only; torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_PROMPT_CHUNKS: Final = 8
"""Most chunks in which a long prompt is read. What lies beyond them is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextLength:
    """How much of a text is read, in tokens of the text itself, without start and end."""

    read: int
    total: int

    @property
    def cut(self) -> bool:
        return self.read < self.total


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptLengths:
    """How much of an image's texts is read."""

    prompt: TextLength
    negative: TextLength | None = None
    """That of the negative prompt. None without guidance, where it has no effect."""
