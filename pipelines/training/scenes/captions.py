"""Prompts: what a prompt asks for (`PromptSpec`), how it is worded, and which specs hold for a scene.

A `PromptSpec` is the source of a training caption and of an evaluation prompt, and the grader compares images with it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, TypeVar

from pipelines.training.scenes import domain
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
COLOR_SYNONYMS: Final = {"purple": ("violet",), "gray": ("grey",), "cyan": ("aqua",)}
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
# These phrases are training data: renaming a word here changes the weights that the stages train.
PREFIXES: Final = ("a photo of", "photo of", "a picture of", "picture of", "an image of", "there is", "a drawing of")
UNKNOWN_TEXTS: Final = (
    "a picture", "something nice", "a dog", "hello world", "a cat on a sofa", "mountains at sunset", "test", "???",
    "a photo of an astronaut riding a horse", "scene", "draw anything", "surprise me", "abstract art", "a house",
)  # fmt: skip
"""Prompts that name no known shape. Any scene is a right answer to them."""

SYNONYM_SHARE: Final = 0.2
"""Probability of a synonym instead of the usual word, and of leaving out the articles."""


@dataclass(frozen=True, slots=True)
class Mention:
    """An object as the prompt names it. Any color is right where `color` is None."""

    shape: str
    color: str | None = None


@dataclass(frozen=True, slots=True)
class PromptSpec:
    """The content of a prompt. A single mention describes all of the `count` objects."""

    mentions: tuple[Mention, ...] = ()
    """Empty where any scene is right."""
    count: int = 1
    size: str | None = None
    relation: str | None = None
    """Position of the first mention relative to the second: left, right, above, below, or beside (left or right)."""
    background: str | None = None


def random_spec(scene: Scene, rng: random.Random) -> PromptSpec:
    """Returns a spec that the scene fulfills. How much it names is random, as in people's prompts."""
    background = scene.background if rng.random() < 0.5 else None
    colored = rng.random() < 0.9
    objects = list(scene.objects)
    if len(objects) == 2 and rng.random() < 0.5:
        objects.reverse()
    mentions = [Mention(item.shape, item.color if colored else None) for item in objects]
    if len({(item.shape, item.color) for item in objects}) == 1:
        size = scene.size if scene.size != "plain" else None
        return PromptSpec((mentions[0],), len(objects), size, None, background)
    holding = relations(scene, objects[0], objects[1])
    if rng.random() < 0.1 and {"left", "right"} & set(holding):
        return PromptSpec(tuple(mentions), 2, None, "beside", background)
    relation = rng.choice(holding) if holding and rng.random() < 0.6 else None
    return PromptSpec(tuple(mentions), 2, None, relation, background)


def plain_prompt(spec: PromptSpec) -> str:
    """Returns the spec's plainest wording, such as "two red circles on a white background"."""
    return _PromptWriter(random.Random(0), 0.0).write(spec)


def random_prompt(spec: PromptSpec, rng: random.Random) -> str:
    """Returns one of the spec's many wordings, with synonyms, prefixes and a full stop at random."""
    text = _PromptWriter(rng, SYNONYM_SHARE).write(spec) if spec.mentions else rng.choice(UNKNOWN_TEXTS)
    if spec.mentions and rng.random() < 0.15:
        text = f"{rng.choice(PREFIXES)} {text}"
    return text + "." if rng.random() < 0.15 else text


class _PromptWriter:
    """Words a spec; `synonyms` is the probability of a rare word instead of a usual one."""

    def __init__(self, rng: random.Random, synonyms: float) -> None:
        self._rng = rng
        self._synonyms = synonyms
        self._articles = rng.random() >= synonyms

    def write(self, spec: PromptSpec) -> str:
        text = self._objects(spec)
        if spec.background is not None:
            color = self._pick((spec.background,), COLOR_SYNONYMS.get(spec.background, ()))
            text += f" on {self._article(color)}{color} background"
        return text

    def _objects(self, spec: PromptSpec) -> str:
        if len(spec.mentions) == 2:
            first, second = (self._noun(mention, 1, None) for mention in spec.mentions)
            if spec.relation is None:
                return f"{first} and {second}"
            usual = RELATION_WORDS[spec.relation]
            link = self._pick(usual[:1], usual[1:] + RELATION_SYNONYMS.get(spec.relation, ()))
            return f"{first} {link} {second}"
        return self._noun(spec.mentions[0], spec.count, spec.size)

    def _noun(self, mention: Mention, count: int, size: str | None) -> str:
        forms = self._pick((SHAPE_WORDS[mention.shape],), SHAPE_SYNONYMS.get(mention.shape, ()))
        parts = [forms[0] if count == 1 else forms[1]]
        if mention.color is not None:
            parts.insert(0, self._pick((mention.color,), COLOR_SYNONYMS.get(mention.color, ())))
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


def colors_for(background: str | None) -> list[str]:
    """Returns the colors that an object may have on the background."""
    return [color for color in domain.COLORS if color != background]
