"""Quotas are counted for the key or its tenant, and settled when a job ends."""

from __future__ import annotations

from typing import Any

import pytest

from service.auth.identity import Identity, Quotas, Role
from service.auth.quotas import KeyQuotas, Quota, QuotaState
from service.errors import QuotaExceededError
from service.jobs.tenants.stored_bytes import Excess


class Clock:
    now_s = 0.0

    def __call__(self) -> int:
        return round(self.now_s * 1e9)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refused() -> list[Quota]:
    return []


@pytest.fixture
def quotas(clock: Clock, refused: list[Quota]) -> KeyQuotas:
    return KeyQuotas(refused.append, clock)


def key(key_id: str = "a", *, tenant: str = "alice", **limits: Any) -> Identity:
    """`limits` are fields of `Quotas`."""
    return Identity(tenant=tenant, role=Role.USER, key_id=key_id, quotas=Quotas(**limits))


def left(quotas: KeyQuotas, identity: Identity, unfinished: int = 0) -> dict[Quota, float]:
    return {state.quota: state.left for state in quotas.states(identity, lambda: unfinished)}


def test_a_key_without_limits_is_never_refused(quotas: KeyQuotas) -> None:
    for _ in range(1000):
        quotas.take_request(key())
        quotas.job(key(), stored=False).enter(1e6, unfinished_jobs=1000, ends_in_s=1.0)

    assert quotas.states(key(), lambda: 0) == []


def test_requests_of_two_keys_of_one_tenant_are_counted_apart(quotas: KeyQuotas, refused: list[Quota]) -> None:
    first, second = key("a", requests_per_minute=2), key("b", requests_per_minute=2)
    quotas.take_request(first)
    quotas.take_request(first)

    with pytest.raises(QuotaExceededError) as error:
        quotas.take_request(first)

    quotas.take_request(second)
    assert error.value.retry_after_s == 30
    assert refused == [Quota.REQUESTS]


def test_jobs_of_the_store_and_direct_ones_count_alike_and_for_the_whole_tenant(
    quotas: KeyQuotas, refused: list[Quota]
) -> None:
    quotas.job(key("a", max_jobs=3), stored=False).enter(1.0, unfinished_jobs=1, ends_in_s=7.0)
    quotas.job(key("b", max_jobs=3), stored=True).enter(1.0, unfinished_jobs=1, ends_in_s=4.0)

    for stored in (False, True):
        with pytest.raises(QuotaExceededError) as error:
            quotas.job(key("b", max_jobs=3), stored=stored).enter(1.0, unfinished_jobs=2, ends_in_s=1.0)
        assert error.value.retry_after_s == 4, "when the first of them is expected to end"

    quotas.job(key("c", tenant="bob", max_jobs=1), stored=False).enter(1.0, unfinished_jobs=0, ends_in_s=1.0)
    assert refused == [Quota.JOBS, Quota.JOBS]
    assert left(quotas, key(max_jobs=3), unfinished=1) == {Quota.JOBS: 1}


def test_a_direct_job_counts_until_it_is_left_and_once(quotas: KeyQuotas) -> None:
    identity = key(max_jobs=1)
    first = quotas.job(identity, stored=False)
    first.leave(0.0)
    first.enter(1.0, unfinished_jobs=0, ends_in_s=1.0)
    first.leave(1.0)
    first.leave(1.0)

    quotas.job(identity, stored=False).enter(1.0, unfinished_jobs=0, ends_in_s=1.0)

    assert left(quotas, identity) == {Quota.JOBS: 0}


def test_a_job_that_is_late_is_expected_soon(quotas: KeyQuotas, clock: Clock) -> None:
    quotas.job(key(max_jobs=1), stored=False).enter(1.0, unfinished_jobs=0, ends_in_s=1.0)
    clock.now_s = 100.0

    with pytest.raises(QuotaExceededError) as error:
        quotas.job(key(max_jobs=1), stored=False).enter(1.0, unfinished_jobs=0, ends_in_s=1.0)

    assert error.value.retry_after_s == 1


def test_device_seconds_are_charged_at_the_price_and_settled_with_the_use(
    quotas: KeyQuotas, refused: list[Quota]
) -> None:
    identity = key(device_s_per_minute=10)
    canceled, slow = quotas.job(identity, stored=True), quotas.job(identity, stored=False)
    canceled.enter(6.0, unfinished_jobs=0, ends_in_s=1.0)
    with pytest.raises(QuotaExceededError) as error:
        slow.enter(6.0, unfinished_jobs=0, ends_in_s=1.0)
    assert error.value.retry_after_s == 12

    canceled.leave(0.0)
    slow.enter(6.0, unfinished_jobs=0, ends_in_s=1.0)
    slow.leave(9.0)

    assert left(quotas, identity) == {Quota.DEVICE_S: 1}
    assert refused == [Quota.DEVICE_S]


def test_a_job_whose_use_nobody_knows_keeps_its_charge(quotas: KeyQuotas) -> None:
    identity = key(device_s_per_minute=10)
    allowance = quotas.job(identity, stored=True)
    allowance.enter(6.0, unfinished_jobs=0, ends_in_s=1.0)

    allowance.leave(None)

    assert left(quotas, identity) == {Quota.DEVICE_S: 4}


def test_a_job_that_its_jobs_quota_refuses_is_not_charged(quotas: KeyQuotas) -> None:
    identity = key(max_jobs=1, device_s_per_minute=10)

    with pytest.raises(QuotaExceededError):
        quotas.job(identity, stored=True).enter(6.0, unfinished_jobs=1, ends_in_s=1.0)

    assert left(quotas, identity) == {Quota.DEVICE_S: 10, Quota.JOBS: 1}


def test_a_job_without_room_for_its_files_is_refused_until_something_expires(
    quotas: KeyQuotas, refused: list[Quota]
) -> None:
    with pytest.raises(QuotaExceededError) as error:
        quotas.job(key(max_stored_bytes=10), stored=True, excess=Excess(30.0)).enter(
            1.0, unfinished_jobs=0, ends_in_s=1.0
        )

    assert error.value.retry_after_s == 30
    assert refused == [Quota.STORED_BYTES]


def test_the_states_tell_limit_rest_and_reset(quotas: KeyQuotas) -> None:
    identity = key(requests_per_minute=60)
    quotas.take_request(identity)

    assert quotas.states(identity, lambda: 0) == [
        QuotaState(quota=Quota.REQUESTS, limit=60, left=59, window_s=60, full_in_s=1.0)
    ]
