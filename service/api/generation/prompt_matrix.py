"""Expands `{a|b}` in a prompt to every combination of the alternatives. Pure text.

`\\{`, `\\|` and `\\}` stand for the characters themselves; groups do not nest. A group of one alternative is no group,
and is left as it stands.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import Final

_GROUP: Final = re.compile(r"(?<!\\)\{((?:\\.|[^\\{}])*)\}", re.DOTALL)
_ALTERNATIVE: Final = re.compile(r"((?:\\.|[^\\|])*)(?:\||\Z)", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\([{|}])")


@dataclass(frozen=True, slots=True)
class Combination:
    prompt: str
    position: tuple[int, ...]
    """The index of the chosen alternative of each group, in the order of the groups."""


class TooManyCombinationsError(ValueError):
    """The prompt has more combinations than the caller allows."""


def combinations(prompt: str, *, at_most: int) -> list[Combination]:
    """Returns all combinations in the order of counting: the last group's alternatives change fastest.

    Raises `TooManyCombinationsError` before any is made.
    """
    texts, groups = _parse(prompt)
    if math.prod(len(group) for group in groups) > at_most:
        raise TooManyCombinationsError
    made = []
    for position in itertools.product(*(range(len(group)) for group in groups)):
        chosen = [group[index] for group, index in zip(groups, position, strict=True)]
        parts = itertools.chain.from_iterable(itertools.zip_longest(texts, chosen, fillvalue=""))
        made.append(Combination(_unescaped("".join(parts)), position))
    return made


def _parse(prompt: str) -> tuple[list[str], list[list[str]]]:
    """Returns the texts around the groups, one more than there are groups, and each group's alternatives."""
    texts, groups, end = [""], [], 0
    for group in _GROUP.finditer(prompt):
        texts[-1] += prompt[end : group.start()]
        alternatives = _alternatives(group[1])
        if len(alternatives) > 1:
            groups.append(alternatives)
            texts.append("")
        else:
            texts[-1] += group[0]
        end = group.end()
    texts[-1] += prompt[end:]
    return texts, groups


def _alternatives(inside: str) -> list[str]:
    found = []
    for match in _ALTERNATIVE.finditer(inside):
        found.append(match[1])
        if match.end() == len(inside) and not match[0].endswith("|"):
            break
    return found


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
