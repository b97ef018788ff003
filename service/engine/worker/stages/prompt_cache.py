"""Caches the conditioning of texts: the most recently used ones are kept.

Runs in the worker's process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, Generic

from pipelines.interface import ConditioningT

EMPTY_PROMPT: Final = ""
"""The negative prompt of most images; it is never evicted."""


class PromptCache(Generic[ConditioningT]):
    """Keeps the conditioning of the `capacity` most recently used texts, and that of the empty prompt."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, ConditioningT] = OrderedDict()

    def find(self, texts: Iterable[str]) -> dict[str, ConditioningT]:
        """Returns the conditioning of those of the texts that are known, which makes them the most recently used."""
        found = {text: self._known[text] for text in texts if text in self._known}
        for text in found:
            self._known.move_to_end(text)
        return found

    def add(self, conditionings: Mapping[str, ConditioningT]) -> None:
        for text, conditioning in conditionings.items():
            self._known[text] = conditioning
            self._known.move_to_end(text)
        if EMPTY_PROMPT in self._known:
            self._known.move_to_end(EMPTY_PROMPT)
        while len(self._known) > self._capacity + 1:
            self._known.popitem(last=False)
