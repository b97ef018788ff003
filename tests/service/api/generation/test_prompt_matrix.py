"""`{a|b}` in prompts: which combinations it stands for, and what is only text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.generation.prompt_matrix import Combination, TooManyCombinationsError, combinations


def prompts(prompt: str, at_most: int = 100) -> list[str]:
    return [each.prompt for each in combinations(prompt, at_most=at_most)]


def test_the_last_groups_alternatives_change_fastest() -> None:
    assert combinations("a {red|blue} {circle|star|ring}", at_most=6) == [
        Combination("a red circle", (0, 0)),
        Combination("a red star", (0, 1)),
        Combination("a red ring", (0, 2)),
        Combination("a blue circle", (1, 0)),
        Combination("a blue star", (1, 1)),
        Combination("a blue ring", (1, 2)),
    ]


def test_a_prompt_without_groups_is_itself() -> None:
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
def test_alternatives_are_what_stands_between_the_bars(prompt: str, made: list[str]) -> None:
    assert prompts(prompt) == made


@pytest.mark.parametrize("prompt", ["{a}", "{}", "{", "}", "a|b", "{a|b", "a|b}", "}a|b{"])
def test_what_is_no_group_is_left_as_it_stands(prompt: str) -> None:
    assert prompts(prompt) == [prompt]


def test_groups_do_not_nest_the_innermost_counts() -> None:
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
def test_a_backslash_makes_text_of_what_follows(prompt: str, made: list[str]) -> None:
    assert prompts(prompt) == made


def test_more_combinations_than_may_be_made_are_refused_before_any_is() -> None:
    assert len(prompts("{a|b}{a|b}", at_most=4)) == 4
    with pytest.raises(TooManyCombinationsError):
        combinations("{a|b}" * 1000, at_most=100)


@given(st.lists(st.lists(st.text("abc ", max_size=3), min_size=2, max_size=3), max_size=3))
def test_every_choice_is_made_once_and_names_what_it_chose(groups: list[list[str]]) -> None:
    made = combinations(" and ".join("{" + "|".join(group) + "}" for group in groups), at_most=27)
    assert len({each.position for each in made}) == len(made) == math.prod(map(len, groups))
    for each in made:
        assert each.prompt == " and ".join(group[i] for group, i in zip(groups, each.position, strict=True))


@given(st.text("ab{|}\\", max_size=30))
def test_no_text_is_too_odd_and_its_positions_are_in_order(text: str) -> None:
    try:
        positions = [each.position for each in combinations(text, at_most=50)]
    except TooManyCombinationsError:
        return
    assert positions == sorted(positions)
    assert positions
