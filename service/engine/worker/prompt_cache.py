"""Caches the conditioning of texts: new texts are encoded in one batch, and the most recently used ones are kept.

Runs in the worker's process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from pipelines.interface import ConditioningT
from service.engine.worker.fault_isolation import Fault, FaultIsolation

EMPTY_PROMPT = ""
"""The negative prompt of most images; it is never evicted."""


class PromptCache(Generic[ConditioningT]):
    """Keeps the conditioning of the `capacity` most recently used texts, and that of the empty prompt."""

    def __init__(
        self, encode: Callable[[Sequence[str]], list[ConditioningT]], isolation: FaultIsolation, capacity: int
    ) -> None:
        self._encode = encode
        self._isolation = isolation
        self._capacity = capacity
        self._known: OrderedDict[str, ConditioningT] = OrderedDict()

    def get_all(self, texts: Iterable[str]) -> dict[str, ConditioningT | Fault]:
        """Returns the conditioning of each text, or the fault that its encoding met. Encodes all new texts together."""
        wanted = dict.fromkeys(texts)
        missing = [text for text in wanted if text not in self._known]
        found: dict[str, ConditioningT | Fault] = dict(
            zip(missing, self._isolation.run(self._encode, missing), strict=True)
        )
        for text in wanted.keys() & self._known.keys():
            found[text] = self._known[text]
        for text, conditioning in found.items():
            if not isinstance(conditioning, Fault):
                self._remember(text, conditioning)
        return found

    def _remember(self, text: str, conditioning: ConditioningT) -> None:
        self._known[text] = conditioning
        self._known.move_to_end(text)
        if EMPTY_PROMPT in self._known:
            self._known.move_to_end(EMPTY_PROMPT)
        while len(self._known) > self._capacity + 1:
            self._known.popitem(last=False)
