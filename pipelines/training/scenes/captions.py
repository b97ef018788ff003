"""What a prompt asks (`Ask`), how people put it in words, and what a scene may truthfully be asked as.

The same `Ask` makes a training caption, an evaluation prompt and the yardstick that an image is held against.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, TypeVar

from pipelines.training.scenes import world
from pipelines.training.scenes.scene import Scene, relations

_T = TypeVar("_T")

SHAPE_WORDS: Final = {
    "circle": ("circle", "circles"),
    "ring": ("ring", "rings"),
    "square": ("square", "squares"),
    "diamond": ("diamond", "diamonds"),
    "triangle": ("triangle", "triangles"),
    "star": ("star", "stars"),
    "cross": ("cross", "crosses"),
    "heart": ("heart", "hearts"),
}
"""Singular and plural."""
SHAPE_SYNONYMS: Final = {
    "square": (("box", "boxes"),),
    "ring": (("donut", "donuts"),),
    "cross": (("plus", "pluses"), ("plus sign", "plus signs")),
    "heart": (("love heart", "love hearts"),),
    "diamond": (("rhombus", "rhombuses"),),
}
COLOUR_SYNONYMS: Final = {"purple": ("violet",), "gray": ("grey",), "cyan": ("aqua",)}
SIZE_WORDS: Final = {"small": ("small",), "large": ("large",)}
SIZE_SYNONYMS: Final = {"small": ("tiny", "little"), "large": ("big", "huge")}
RELATION_WORDS: Final = {
    "left": ("to the left of", "left of", "on the left of"),
    "right": ("to the right of", "right of", "on the right of"),
    "above": ("above",),
    "below": ("below",),
    "beside": ("next to", "beside"),
}
RELATION_SYNONYMS: Final = {"above": ("over", "on top of"), "below": ("under", "beneath", "underneath")}
COUNT_WORDS: Final = {2: ("two", "2"), 3: ("three", "3"), 4: ("four", "4")}
PREFIXES: Final = ("a photo of", "photo of", "a picture of", "picture of", "an image of", "there is", "a drawing of")
UNKNOWN_TEXTS: Final = (
    "a picture", "something nice", "a dog", "hello world", "a cat on a sofa", "mountains at sunset", "test", "???",
    "a photo of an astronaut riding a horse", "scene", "draw anything", "surprise me", "abstract art", "a house",
)  # fmt: skip
"""Prompts without a known shape: any scene will do."""

SYNONYM_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Mention:
    """An object as named: its colour is free where none was."""

    shape: str
    colour: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """All that a prompt names. With `count` above one, a single mention stands for all of them."""

    mentions: tuple[Mention, ...] = ()
    """None: any scene will do."""
    count: int = 1
    size: str | None = None
    relation: str | None = None
    """Of the first mention to the second: left, right, above, below, or beside for either side."""
    background: str | None = None


def ask_of(scene: Scene, rng: random.Random) -> Ask:
    """Something true to ask of the scene, as much or as little as people name."""
    background = scene.background if rng.random() < 0.5 else None
    coloured = rng.random() < 0.9
    things = list(scene.things)
    if len(things) == 2 and rng.random() < 0.5:
        things.reverse()
    mentions = [Mention(thing.shape, thing.colour if coloured else None) for thing in things]
    if len({(thing.shape, thing.colour) for thing in things}) == 1:
        size = scene.size if scene.size != "plain" else None
        return Ask((mentions[0],), len(things), size, None, background)
    holding = relations(scene, things[0], things[1])
    if rng.random() < 0.1 and {"left", "right"} & set(holding):
        return Ask(tuple(mentions), 2, None, "beside", background)
    relation = rng.choice(holding) if holding and rng.random() < 0.6 else None
    return Ask(tuple(mentions), 2, None, relation, background)


def plain_words(ask: Ask) -> str:
    """The prompt in its plainest form: "two red circles on a white background"."""
    return _Speaker(random.Random(0), 0.0).say(ask)


def words(ask: Ask, rng: random.Random) -> str:
    """The prompt as one of many people would put it."""
    text = _Speaker(rng, SYNONYM_SHARE).say(ask) if ask.mentions else rng.choice(UNKNOWN_TEXTS)
    if ask.mentions and rng.random() < 0.15:
        text = f"{rng.choice(PREFIXES)} {text}"
    return text + "." if rng.random() < 0.15 else text


class _Speaker:
    def __init__(self, rng: random.Random, synonyms: float) -> None:
        self._rng = rng
        self._synonyms = synonyms
        self._articles = rng.random() >= synonyms

    def say(self, ask: Ask) -> str:
        text = self._things(ask)
        if ask.background is not None:
            colour = self._pick((ask.background,), COLOUR_SYNONYMS.get(ask.background, ()))
            text += f" on {self._article(colour)}{colour} background"
        return text

    def _things(self, ask: Ask) -> str:
        if len(ask.mentions) == 2:
            first, second = (self._noun(mention, 1, None) for mention in ask.mentions)
            if ask.relation is None:
                return f"{first} and {second}"
            usual = RELATION_WORDS[ask.relation]
            link = self._pick(usual[:1], usual[1:] + RELATION_SYNONYMS.get(ask.relation, ()))
            return f"{first} {link} {second}"
        return self._noun(ask.mentions[0], ask.count, ask.size)

    def _noun(self, mention: Mention, count: int, size: str | None) -> str:
        forms = self._pick((SHAPE_WORDS[mention.shape],), SHAPE_SYNONYMS.get(mention.shape, ()))
        parts = [forms[0] if count == 1 else forms[1]]
        if mention.colour is not None:
            parts.insert(0, self._pick((mention.colour,), COLOUR_SYNONYMS.get(mention.colour, ())))
        if size is not None:
            parts.insert(0, self._pick(SIZE_WORDS[size], SIZE_SYNONYMS[size]))
        if count > 1:
            return " ".join([self._pick(COUNT_WORDS[count][:1], COUNT_WORDS[count][1:]), *parts])
        return self._article(parts[0]) + " ".join(parts)

    def _article(self, word: str) -> str:
        if not self._articles:
            return ""
        return "an " if word[0] in "aeiou" else "a "

    def _pick(self, usual: tuple[_T, ...], rare: tuple[_T, ...]) -> _T:
        return self._rng.choice(rare) if rare and self._rng.random() < self._synonyms else self._rng.choice(usual)


def colours_for(background: str | None) -> list[str]:
    """Colours that an object may have on the background."""
    return [colour for colour in world.COLOURS if colour != background]
