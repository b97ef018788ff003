"""A newcomer finds room beside the other tenants, and nobody has more requests under way than the limits allow."""

from __future__ import annotations

import pytest

from service.webhooks.deliveries import DueDelivery
from service.webhooks.shares import DispatchLimits, Shares
from tests.harness.sample_jobs import make_webhook

LIMITS = DispatchLimits()


def delivery(tenant: str = "alice", host: str = "hooks.test") -> DueDelivery:
    return DueDelivery("msg_a", "job", tenant, host, "job.started", 0, None, make_webhook())


def fill(shares: Shares, *deliveries: DueDelivery) -> list[int]:
    """Takes of each as many as there is room for, in turn. Returns how many."""
    taken = [0] * len(deliveries)
    for number, each in enumerate(deliveries):
        while shares.take(each):
            taken[number] += 1
    return taken


def test_one_host_has_few_and_one_tenant_half() -> None:
    shares = Shares(LIMITS, [])

    assert fill(shares, delivery()) == [LIMITS.per_host]
    assert (shares.busy_hosts(), shares.busy_tenants()) == ([("alice", "hooks.test")], [])
    fill(shares, *(delivery(host=f"{number}.test") for number in range(20)))
    assert shares.free == LIMITS.total // 2
    assert shares.busy_tenants() == ["alice"]


def test_a_tenants_deliveries_to_a_host_take_no_room_from_anothers_to_the_same_host() -> None:
    shares = Shares(LIMITS, [delivery("alice")] * LIMITS.per_host)

    assert fill(shares, delivery("alice"), delivery("bob")) == [0, LIMITS.per_host]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 15])
def test_a_host_that_comes_finds_room_beside_others_with_many_deliveries(count: int) -> None:
    shares = Shares(LIMITS, [])
    for number in range(count * LIMITS.per_host):
        shares.take(delivery(host=f"{number % count}.test"))

    assert shares.take(delivery(host="new.test"))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 31])
def test_a_tenant_that_comes_finds_room_beside_others_with_many_deliveries(count: int) -> None:
    shares = Shares(LIMITS, [])
    for number in range(count * LIMITS.total):
        shares.take(delivery(f"tenant{number % count}", f"{number}.test"))

    assert shares.take(delivery("new"))


def test_what_becomes_free_is_for_the_one_that_has_none_and_not_for_those_that_came_first() -> None:
    under_way = [delivery(f"tenant{number % 2}", f"{number}.test") for number in range(LIMITS.total - 1)]
    shares = Shares(LIMITS, under_way)

    assert sorted(shares.busy_tenants()) == ["tenant0", "tenant1"]
    assert fill(shares, *(delivery(f"tenant{number}", "more.test") for number in range(2)), delivery("new")) == [
        0,
        0,
        1,
    ]


def test_no_more_than_all_are_under_way_however_many_ask() -> None:
    shares = Shares(LIMITS, [delivery(f"tenant{number}") for number in range(LIMITS.total)])

    assert shares.free == 0
    assert not shares.take(delivery("new"))
