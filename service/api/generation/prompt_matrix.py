"""Expands `{a|b}` in a prompt to every combination of the alternatives. Pure text.

`\\{`, `\\|` and `\\}` stand for the characters themselves; groups do not nest. A group of one alternative is no group,
and is left as it stands.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

_GROUP: Final = re.compile(r"(?<!\\)\{((?:\\.|[^\\{}|]++)*+\|(?:\\.|[^\\{}]++)*+)\}", re.DOTALL)
"""Braces around at least one bar. The quantifiers are possessive, so that the time is linear in the text."""
_ALTERNATIVE: Final = re.compile(r"((?:\\.|[^\\|]++)*+)(\||\Z)", re.DOTALL)

_Parsed: TypeAlias = tuple[list[str], list[list[str]]]
"""The texts around the groups of a prompt, one more than there are groups, and each group's alternatives."""


@dataclass(frozen=True, slots=True)
class Combination:
    prompt: str
    position: tuple[int, ...]
    """The index of the chosen alternative of each group, in the order of the groups."""


class TooManyCombinationsError(ValueError):
    """The prompts have more combinations than the caller allows."""


class TooManyCharactersError(ValueError):
    """The prompts, or all of their combinations together, have more characters than the caller allows."""


def combinations(prompts: Sequence[str], *, at_most: int, max_characters: int) -> list[Combination]:
    """Returns all combinations of each prompt in the order of counting: the last group's alternatives change fastest.

    `max_characters` bounds the prompts, and all combinations together. Raises `TooManyCombinationsError` and
    `TooManyCharactersError` before any combination is made, in a time that grows with the prompts alone.
    """
    if sum(map(len, prompts)) > max_characters:
        raise TooManyCharactersError
    parsed, count = [], 0
    for prompt in prompts:
        parsed.append(_parse(prompt, at_most - count))
        count += _count(parsed[-1])
    if sum(map(_characters, parsed)) > max_characters:
        raise TooManyCharactersError
    return [combination for each in parsed for combination in _expanded(each)]


def _count(parsed: _Parsed) -> int:
    return math.prod(len(group) for group in parsed[1])


def _characters(parsed: _Parsed) -> int:
    """The characters of all combinations together: each has all texts, and an alternative is in its share of them."""
    texts, groups = parsed
    count = _count(parsed)
    in_groups = sum(count // len(group) * sum(map(len, group)) for group in groups)
    return count * sum(map(len, texts)) + in_groups


def _expanded(parsed: _Parsed) -> Iterator[Combination]:
    texts, groups = parsed
    for position in itertools.product(*(range(len(group)) for group in groups)):
        chosen = [group[index] for group, index in zip(groups, position, strict=True)]
        parts = itertools.chain.from_iterable(itertools.zip_longest(texts, chosen, fillvalue=""))
        yield Combination("".join(parts), position)


def _parse(prompt: str, at_most: int) -> _Parsed:
    """Raises `TooManyCombinationsError` at the group, and at the alternative of it, that makes too many."""
    texts, groups, end, count = list[str](), list[list[str]](), 0, 1
    for group in _GROUP.finditer(prompt):
        groups.append(_alternatives(group[1], at_most // count))
        texts.append(_unescaped(prompt[end : group.start()]))
        count *= len(groups[-1])
        end = group.end()
    if count > at_most:
        raise TooManyCombinationsError
    return [*texts, _unescaped(prompt[end:])], groups


def _alternatives(inside: str, at_most: int) -> list[str]:
    found = []
    for match in _ALTERNATIVE.finditer(inside):
        found.append(_unescaped(match[1]))
        if len(found) > at_most:
            raise TooManyCombinationsError
        if not match[2]:
            break
    return found


def _unescaped(text: str) -> str:
    for character in "{|}":
        text = text.replace(f"\\{character}", character)
    return text
