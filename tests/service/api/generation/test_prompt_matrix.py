"""`{a|b}` in a prompt stands for its alternatives, and all other text for itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.generation.prompt_matrix import Combination, TooManyCombinationsError, combinations


def prompts(prompt: str, at_most: int = 100) -> list[str]:
    return [each.prompt for each in combinations(prompt, at_most=at_most)]


def test_the_alternatives_of_the_last_group_change_fastest() -> None:
    assert combinations("a {red|blue} {circle|star|ring}", at_most=6) == [
        Combination("a red circle", (0, 0)),
        Combination("a red star", (0, 1)),
        Combination("a red ring", (0, 2)),
        Combination("a blue circle", (1, 0)),
        Combination("a blue star", (1, 1)),
        Combination("a blue ring", (1, 2)),
    ]


def test_a_prompt_without_groups_is_left_as_it_is() -> None:
    assert combinations("a red circle", at_most=1) == [Combination("a red circle", ())]


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
        (r"a\b", [r"a\b"]),
        ("a\\", ["a\\"]),
    ],
)
def test_a_backslash_makes_the_next_character_text(prompt: str, made: list[str]) -> None:
    assert prompts(prompt) == made


def test_too_many_combinations_are_refused_before_any_is_made() -> None:
    assert len(prompts("{a|b}{a|b}", at_most=4)) == 4
    with pytest.raises(TooManyCombinationsError):
        combinations("{a|b}" * 1000, at_most=100)


@given(st.lists(st.lists(st.text("abc ", max_size=3), min_size=2, max_size=3), max_size=3))
def test_every_combination_is_made_once_and_names_its_alternatives(groups: list[list[str]]) -> None:
    made = combinations(" and ".join("{" + "|".join(group) + "}" for group in groups), at_most=27)
    assert len({each.position for each in made}) == len(made) == math.prod(map(len, groups))
    for each in made:
        assert each.prompt == " and ".join(group[i] for group, i in zip(groups, each.position, strict=True))


@given(st.text("ab{|}\\", max_size=30))
def test_any_text_has_combinations_with_positions_in_order(text: str) -> None:
    try:
        positions = [each.position for each in combinations(text, at_most=50)]
    except TooManyCombinationsError:
        return
    assert positions == sorted(positions)
    assert positions
