"""Tells in answers and headers how much of its texts a model read, alike in every dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Final

from pydantic import BaseModel

from pipelines.prompts.lengths import PromptLengths, TextLength

TRUNCATED: Final = "X-Truncated-Prompt"
"""The header of answers to a request whose texts were cut."""


class TextTokens(BaseModel):
    """Tokens of a text, without the start and the end that the model puts around it."""

    read: int
    total: int
    """More than `read` where the rest had no effect on the image."""


class PromptTokens(BaseModel):
    """The numbers of tokens of an image's texts, and how many of them the model read."""

    prompt: TextTokens
    negative: TextTokens | None
    """The tokens of the negative prompt; null without guidance, where it has no effect."""


def prompt_tokens(lengths: PromptLengths | None) -> PromptTokens | None:
    return None if lengths is None else PromptTokens.model_validate(asdict(lengths))


def truncated_headers(images: Iterable[PromptLengths | None]) -> Mapping[str, str]:
    """Returns a header that tells how much of each cut text was read, for its longest among the images; else none."""
    cut: dict[str, TextLength] = {}
    for lengths in images:
        for name, length in _texts(lengths):
            if length.cut and (name not in cut or length.total > cut[name].total):
                cut[name] = length
    return {TRUNCATED: ", ".join(f"{name}={each.read}/{each.total}" for name, each in cut.items())} if cut else {}


def _texts(lengths: PromptLengths | None) -> list[tuple[str, TextLength]]:
    if lengths is None:
        return []
    found = (("prompt", lengths.prompt), ("negative", lengths.negative))
    return [(name, length) for name, length in found if length is not None]
