"""Reads the weights in a prompt as AUTOMATIC1111's web UI does, and takes them out. Pure functions.

`(text)` multiplies the weight of a text by 1.1 and `[text]` divides it, `(text:1.3)` multiplies it by 1.3, brackets may
be nested, a backslash before a bracket makes it a bracket of the text, and `<lora:name:0.8>` names a further network
(the web UI's wiki, "Features", "Attention/emphasis"). The networks of this server are not weighted, so that an image is
made from the text alone.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"\\(?P<escaped>[\\()\[\]])"
    r"|(?P<network><\w{1,40}:[^<>]{1,400}>)"
    r"|(?P<open>[(\[])"
    r"|:\s{0,9}(?P<weight>[+-]?[.\d]{1,20})\s{0,9}\)"
    r"|(?P<close>[)\]])"
    r"|\s{0,99}\b(?P<chunk>BREAK)\b\s{0,99}"
    r"|[^\\()\[\]:<B\s]+|.",
    re.ASCII | re.DOTALL,
)
_SPECIAL: Final = re.compile(r"[\\()\[\]]")
_PAIRS: Final = {")": "(", "]": "["}
_FACTORS: Final = {"(": 1.1, "[": 1 / 1.1}
_MAX_DEPTH: Final = 32
"""Brackets that are nested more deeply are text."""
_MAX_NAMED: Final = 20
_MAX_NAMED_CHARACTERS: Final = 60


class PlainPrompt(NamedTuple):
    """A prompt without its weights."""

    text: str
    ignored: tuple[str, ...] = ()
    """The weights and networks that had no effect, such as `a red circle:1.3`."""

    @property
    def escaped(self) -> str:
        """The prompt that the web UI reads as this text: brackets of the text have a backslash before them."""
        return _SPECIAL.sub(lambda match: f"\\{match[0]}", self.text)


class _Part(NamedTuple):
    text: str
    factors: list[float]
    """The factors of the brackets around it."""

    @property
    def weight(self) -> float:
        return round(math.prod(self.factors, start=1.0), 6)


def plain(prompt: str) -> PlainPrompt:
    """Returns the prompt without weights and networks, in a time that grows with its length."""
    reader = _Reader()
    for token in _TOKEN.finditer(prompt):
        reader.take(token)
    return reader.result()


class _Reader:
    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._open: list[tuple[str, int]] = []
        """The brackets that are open, with the number of parts before each."""
        self._networks: list[str] = []

    def take(self, token: re.Match[str]) -> None:
        bracket = token["open"] or token["close"]
        if token["escaped"]:
            self._add(token["escaped"])
        elif token["network"]:
            self._networks.append(token["network"])
        elif token["chunk"]:
            self._add(" ")
        elif token["open"] and len(self._open) < _MAX_DEPTH:
            self._open.append((bracket, len(self._parts)))
        elif token["weight"] and self._close("(", _number(token["weight"])):
            pass
        elif not (token["close"] and self._close(_PAIRS[bracket], _FACTORS[_PAIRS[bracket]])):
            self._add(token[0])

    def result(self) -> PlainPrompt:
        while self._open:  # The web UI closes at the end what was left open.
            bracket, _ = self._open[-1]
            self._close(bracket, _FACTORS[bracket])
        text = "".join(part.text for part in self._parts)
        return PlainPrompt(text.strip() if self._networks else text, tuple(self._ignored()))

    def _add(self, text: str) -> None:
        self._parts.append(_Part(text, []))

    def _close(self, bracket: str, factor: float | None) -> bool:
        """Closes the innermost bracket of the kind. Returns False where there is none."""
        place = next((place for place in reversed(range(len(self._open))) if self._open[place][0] == bracket), None)
        if place is None or factor is None:
            return False
        _, start = self._open.pop(place)
        for part in self._parts[start:]:
            part.factors.append(factor)
        return True

    def _ignored(self) -> list[str]:
        named: list[str] = []
        for text, weight in self._weighted():
            if weight != 1 and text.strip(" ,"):
                named.append(f"{text.strip(' ,')[:_MAX_NAMED_CHARACTERS]}:{weight:.4g}")
        named += [network[1:-1][:_MAX_NAMED_CHARACTERS] for network in self._networks]
        return named[:_MAX_NAMED]

    def _weighted(self) -> Iterator[tuple[str, float]]:
        """The texts with their weights. Those that follow each other with one weight are joined."""
        for weight, parts in itertools.groupby(self._parts, lambda part: part.weight):
            yield "".join(part.text for part in parts), weight


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
