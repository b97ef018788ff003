"""Turns by device time had."""

from __future__ import annotations

from collections import defaultdict

from service.engine.scheduling.fair_share import FairShare


def take_turns(shares: FairShare[str], costs_s: dict[str, float], turns: int) -> dict[str, float]:
    """Device time of each name after so many turns, each of its own cost."""
    had_s: defaultdict[str, float] = defaultdict(float)
    for _ in range(turns):
        name = min(costs_s, key=lambda name: (shares.of(name), name))
        shares.charge({name: costs_s[name]}, wanting=costs_s)
        had_s[name] += costs_s[name]
    return had_s


def test_names_get_equal_time_and_not_equal_turns() -> None:
    had_s = take_turns(FairShare(), {"dear": 4.0, "cheap": 1.0}, 50)

    assert abs(had_s["dear"] - had_s["cheap"]) <= 4.0


def test_a_name_that_was_away_gets_no_arrears() -> None:
    shares: FairShare[str] = FairShare()
    take_turns(shares, {"early": 1.0}, 100)

    assert take_turns(shares, {"early": 1.0, "late": 1.0}, 10) == {"early": 5, "late": 5}


def test_a_name_that_leaves_keeps_its_debt_for_a_while() -> None:
    shares: FairShare[str] = FairShare()
    shares.charge({"greedy": 10.0, "modest": 1.0}, wanting=["greedy", "modest"])

    assert take_turns(shares, {"greedy": 1.0, "modest": 1.0}, 9) == {"modest": 9}


def test_names_served_together_are_each_charged_their_part() -> None:
    shares: FairShare[str] = FairShare()
    shares.charge({"a": 3.0, "b": 1.0}, wanting=["a", "b"])

    assert shares.of("a") - shares.of("b") == 2.0
    assert shares.of("new") == 0.0


def test_who_is_served_out_of_turn_takes_nothing_from_those_who_wait() -> None:
    shares: FairShare[str] = FairShare()
    for _ in range(5):
        shares.charge({"served": 1.0}, wanting=["served", "waiting"])

    assert take_turns(shares, {"served": 1.0, "waiting": 1.0}, 5) == {"waiting": 5}


def test_time_does_not_stand_still_where_nobody_wants_anything_more() -> None:
    shares: FairShare[str] = FairShare()
    shares.charge({"last": 1.0}, wanting=[])

    assert shares.of("last") == 1.0
    assert shares.of("next") == 0.0
