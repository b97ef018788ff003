"""The table of the store's figures: medians, ratios within a round, and several servers beside one."""

from __future__ import annotations

import math

from benchmarks.store.report import OF_ONE, spell, table, titled, with_shares


def test_a_ratio_is_the_median_of_those_of_the_rounds() -> None:
    measured = {"accept": {"old": [{"a": 1.0}, {"a": 10.0}, {"a": 4.0}], "new": [{"a": 5.0}, {"a": 20.0}, {"a": 2.0}]}}

    assert table(measured, ["old", "new"]).splitlines() == [
        "| part | figure | old | new | ratio |",
        "|---|---|---:|---:|---:|",
        "| accept | a | 4 | 5 | 2.00x |",
    ]


def test_a_single_version_has_no_ratio() -> None:
    assert table({"accept": {"new": [{"a": 5.0}]}}, ["new"]).splitlines()[-1] == "| accept | a | 5 |"


def test_a_figure_that_one_version_lacks_is_empty_there() -> None:
    measured = {"accept": {"old": [{"a": 1.0}], "new": [{"a": 1.0, "b": 0.25}]}}

    assert table(measured, ["old", "new"]).splitlines()[-1] == "| accept | b |  | 0.25 |  |"


def test_nothing_is_divided_by_nothing() -> None:
    assert table({"p": {"old": [{"a": 0.0}], "new": [{"a": 3.0}]}}, ["old", "new"]).endswith("| p | a | 0 | 3 |  |")


def test_two_servers_are_compared_with_one_of_the_same_round() -> None:
    both = titled("lives", 2)
    measured = {"lives": {"new": [{"lives/s": 2.0}, {"lives/s": 4.0}]}, both: {"new": [{"lives/s": 3.0}] * 2}}

    shares = with_shares(measured, 2, ["lives/s"])

    assert [each[f"lives/s, {OF_ONE}"] for each in shares[both]["new"]] == [1.5, 0.75]
    assert shares["lives"] == measured["lives"]


def test_numbers_keep_three_digits() -> None:
    assert [spell(each) for each in (12345.6, 99.94, 1.234, 7.0, math.nan)] == ["12,346", "99.9", "1.23", "7", "none"]
