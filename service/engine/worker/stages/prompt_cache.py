"""Caches the conditioning of texts: the most recently used ones are kept.

Runs in the worker's process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, Generic

from pipelines.interface import ConditioningT, TextKey
from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS

_CHUNK_CHARS: Final = 75
"""Number of letters that certainly fit in a chunk: CLIP's encoders read as many tokens."""


class PromptCache(Generic[ConditioningT]):
    """Keeps the conditioning of the most recently used texts, up to `capacity` chunks of text.

    A text is one chunk, unless it is read in several. The empty text and no text, which most images have as their
    negative prompt, are always kept.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: OrderedDict[TextKey, ConditioningT] = OrderedDict()
        self._empty: dict[TextKey, ConditioningT] = {}

    def find(self, texts: Iterable[TextKey]) -> dict[TextKey, ConditioningT]:
        """Returns the known conditionings of the texts, and makes these texts the most recently used."""
        found: dict[TextKey, ConditioningT] = {}
        for key in texts:
            if key in self._known:
                self._known.move_to_end(key)
            kept = self._known if key.text else self._empty
            if key in kept:
                found[key] = kept[key]
        return found

    def forget(self, model: str) -> None:
        """Drops the conditionings of a model's texts."""
        for kept in (self._known, self._empty):
            for key in [key for key in kept if key.model == model]:
                del kept[key]

    def add(self, conditionings: Mapping[TextKey, ConditioningT]) -> None:
        for key, conditioning in conditionings.items():
            if not key.text:
                self._empty[key] = conditioning
                continue
            self._known[key] = conditioning
            self._known.move_to_end(key)
        while sum(map(_chunks, self._known)) > self._capacity and len(self._known) > 1:
            self._known.popitem(last=False)


def _chunks(key: TextKey) -> int:
    """Returns the number of chunks in which the text is read at most, since no token is shorter than a letter."""
    return min(1 + len(key.text or "") // _CHUNK_CHARS, MAX_PROMPT_CHUNKS) if key.long else 1
