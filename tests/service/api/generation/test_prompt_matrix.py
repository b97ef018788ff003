"""`{a|b}` in a prompt stands for its alternatives, and all other text for itself."""

from __future__ import annotations

import math
import tracemalloc
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.generation.prompt_matrix import (
    Combination,
    TooManyCharactersError,
    TooManyCombinationsError,
    combinations,
)

MEGABYTE: Final = 1_000_000


def combine(*prompts: str, at_most: int = 100, max_characters: int = 10_000) -> list[Combination]:
    return combinations(prompts, at_most=at_most, max_characters=max_characters)


def prompts(*templates: str, at_most: int = 100) -> list[str]:
    return [each.prompt for each in combine(*templates, at_most=at_most)]


def test_the_alternatives_of_the_last_group_change_fastest() -> None:
    assert combine("a {red|blue} {circle|star|ring}", at_most=6) == [
        Combination("a red circle", (0, 0)),
        Combination("a red star", (0, 1)),
        Combination("a red ring", (0, 2)),
        Combination("a blue circle", (1, 0)),
        Combination("a blue star", (1, 1)),
        Combination("a blue ring", (1, 2)),
    ]


def test_a_prompt_without_groups_is_left_as_it_is() -> None:
    assert combine("a red circle", at_most=1) == [Combination("a red circle", ())]


@pytest.mark.parametrize(
    ("prompt", "made"),
    [
        ("{a|b}", ["a", "b"]),
        ("{a|}", ["a", ""]),
        ("{|a}", ["", "a"]),
        ("{a||b}", ["a", "", "b"]),
        ("x{a|b}{c|d}y", ["xacy", "xady", "xbcy", "xbdy"]),
        ("{a\nb|c}", ["a\nb", "c"]),
        ("{ a | b }", [" a ", " b "]),
    ],
)
def test_alternatives_are_the_texts_between_the_bars(prompt: str, made: list[str]) -> None:
    assert prompts(prompt) == made


@pytest.mark.parametrize("prompt", ["{a}", "{}", "{", "}", "a|b", "{a|b", "a|b}", "}a|b{"])
def test_braces_and_bars_that_are_no_group_are_left_as_they_are(prompt: str) -> None:
    assert prompts(prompt) == [prompt]


def test_only_the_innermost_of_nested_groups_counts() -> None:
    assert prompts("{a{b|c}d}") == ["{abd}", "{acd}"]


@pytest.mark.parametrize(
    ("prompt", "made"),
    [
        (r"\{a|b\}", ["{a|b}"]),
        (r"{a\|b|c}", ["a|b", "c"]),
        (r"{a\}|b}", ["a}", "b"]),
        (r"{\{|b}", ["{", "b"]),
        (r"\{{a|b}\}", ["{a}", "{b}"]),
        (r"{a|b\|}", ["a", "b|"]),
        (r"{a\|}", ["{a|}"]),
        (r"{a\\|b}|c", [r"a\\|c", "b|c"]),
        (r"a\b", [r"a\b"]),
        ("a\\", ["a\\"]),
    ],
)
def test_a_backslash_makes_the_next_character_text(prompt: str, made: list[str]) -> None:
    assert prompts(prompt) == made


def test_too_many_combinations_are_refused_before_any_is_made() -> None:
    assert len(prompts("{a|b}{a|b}", at_most=4)) == 4
    with pytest.raises(TooManyCombinationsError):
        combine("{a|b}" * 1000, at_most=100)


def test_the_combinations_of_all_prompts_are_counted_together() -> None:
    assert prompts("{a|b}", "c", "{d|e}", at_most=5) == ["a", "b", "c", "d", "e"]
    for too_many in (("{a|b}", "c", "{d|e}"), ("{a|b}", "{c|d}", "e"), ("a", "b", "c", "d", "e")):
        with pytest.raises(TooManyCombinationsError):
            combine(*too_many, at_most=4)


@pytest.mark.parametrize("templates", [("ab{c|de}",), ("{ab|c}{d|ef}",), (r"\{{|abc}", "x{y|z}"), ("abc",)])
def test_the_characters_of_all_combinations_are_counted_together(templates: tuple[str, ...]) -> None:
    characters = max(sum(map(len, prompts(*templates))), sum(map(len, templates)))
    assert combine(*templates, max_characters=characters)
    with pytest.raises(TooManyCharactersError):
        combine(*templates, max_characters=characters - 1)


def test_prompts_that_are_too_long_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(TooManyCharactersError):
        combine("{|" * MEGABYTE, max_characters=MEGABYTE)


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("x" * (MEGABYTE - 300) + "{" + "|" * 99 + "}", TooManyCharactersError),
        ("{" + "|" * (MEGABYTE - 2) + "}", TooManyCombinationsError),
        ("{|}" * (MEGABYTE // 3), TooManyCombinationsError),
    ],
)
def test_a_refusal_takes_no_memory_for_combinations(template: str, error: type[ValueError]) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(error):
            combine(template, max_characters=MEGABYTE)
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGABYTE
    finally:
        tracemalloc.stop()


@given(st.lists(st.lists(st.text("abc ", max_size=3), min_size=2, max_size=3), max_size=3))
def test_every_combination_is_made_once_and_names_its_alternatives(groups: list[list[str]]) -> None:
    made = combine(" and ".join("{" + "|".join(group) + "}" for group in groups), at_most=27)
    assert len({each.position for each in made}) == len(made) == math.prod(map(len, groups))
    for each in made:
        assert each.prompt == " and ".join(group[i] for group, i in zip(groups, each.position, strict=True))


@given(st.text("ab{|}\\", max_size=30))
def test_any_text_has_combinations_with_positions_in_order(text: str) -> None:
    try:
        positions = [each.position for each in combine(text, at_most=50)]
    except TooManyCombinationsError:
        return
    assert positions == sorted(positions)
    assert positions
