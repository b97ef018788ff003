"""Start-time fair queueing between tenants."""

from __future__ import annotations

from collections import defaultdict

import pytest

from service.engine.scheduling.fair_share import FairShare


def take_turns(fair_share: FairShare, costs_s: dict[str, float], turns: int) -> dict[str, float]:
    """Serves the tenants for some turns, each at its own cost per turn. Returns the seconds that each one got."""
    served_s: defaultdict[str, float] = defaultdict(float)
    for _ in range(turns):
        tenant = min(costs_s, key=lambda tenant: (fair_share.start_tag_s(tenant), tenant))
        fair_share.charge({tenant: costs_s[tenant]}, backlogged=costs_s)
        served_s[tenant] += costs_s[tenant]
    return served_s


def test_tenants_get_equal_time_instead_of_equal_turns() -> None:
    served_s = take_turns(FairShare(), {"slow": 4.0, "fast": 1.0}, 50)

    assert abs(served_s["slow"] - served_s["fast"]) <= 4.0


def test_tenants_get_time_by_their_weights() -> None:
    served_s = take_turns(FairShare({"heavy": 3.0, "small": 0.5}), {"heavy": 2.0, "light": 1.0, "small": 1.0}, 90)

    assert served_s["heavy"] == pytest.approx(3 * served_s["light"], abs=2.0)
    assert served_s["light"] == pytest.approx(2 * served_s["small"], abs=2.0)


def test_a_tenant_that_was_idle_saves_up_no_credit() -> None:
    fair_share = FairShare()
    take_turns(fair_share, {"early": 1.0}, 100)

    assert take_turns(fair_share, {"early": 1.0, "late": 1.0}, 10) == {"early": 5, "late": 5}


def test_a_tenant_that_got_more_than_its_share_waits_until_the_others_catch_up() -> None:
    fair_share = FairShare()
    fair_share.charge({"greedy": 10.0, "modest": 1.0}, backlogged=["greedy", "modest"])

    assert take_turns(fair_share, {"greedy": 1.0, "modest": 1.0}, 9) == {"modest": 9}


def test_tenants_served_together_are_charged_separately() -> None:
    fair_share = FairShare()
    fair_share.charge({"a": 3.0, "b": 1.0}, backlogged=["a", "b"])

    assert fair_share.start_tag_s("a") - fair_share.start_tag_s("b") == 2.0
    assert fair_share.start_tag_s("new") == 0.0


def test_a_tenant_served_out_of_turn_pays_for_it_later() -> None:
    fair_share = FairShare()
    for _ in range(5):
        fair_share.charge({"served": 1.0}, backlogged=["served", "waiting"])

    assert take_turns(fair_share, {"served": 1.0, "waiting": 1.0}, 5) == {"waiting": 5}


def test_a_service_after_which_no_tenant_has_work_is_charged() -> None:
    fair_share = FairShare()
    fair_share.charge({"last": 1.0}, backlogged=[])

    assert fair_share.start_tag_s("last") == 1.0
    assert fair_share.start_tag_s("next") == 0.0
