"""Token buckets fill over time, up to their size."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.auth.token_buckets import EmptyBucketError, TokenBuckets

SECOND_NS = 1_000_000_000
AMOUNTS = st.integers(1, 50).map(lambda tenths: tenths / 10)


def take_all(buckets: TokenBuckets, key: str, per_minute: int, now_ns: int) -> int:
    """Takes single tokens until none is left. Returns their number."""
    taken = 0
    while True:
        try:
            buckets.take(key, 1, per_minute, now_ns)
        except EmptyBucketError:
            return taken
        taken += 1


def test_a_burst_may_use_a_minute_at_once_and_the_next_request_waits_its_part_of_the_minute() -> None:
    buckets = TokenBuckets()

    assert take_all(buckets, "key", 120, 0) == 120
    with pytest.raises(EmptyBucketError) as refused:
        buckets.take("key", 1, 120, 0)

    assert refused.value.retry_after_s == 0.5
    assert take_all(buckets, "key", 120, SECOND_NS) == 2


def test_one_keys_burst_leaves_the_bucket_of_another_full() -> None:
    buckets = TokenBuckets()
    take_all(buckets, "loud", 10, 0)

    assert take_all(buckets, "quiet", 10, 0) == 10


def test_an_amount_above_the_minutes_is_taken_from_a_full_bucket_and_paid_for_later() -> None:
    buckets = TokenBuckets()

    buckets.take("key", 30, 10, 0)

    with pytest.raises(EmptyBucketError) as refused:
        buckets.take("key", 30, 10, 0)
    assert refused.value.retry_after_s == 180
    assert buckets.level("key", 10, 0).left == 0
    assert buckets.level("key", 10, 0).full_in_s == 180


def test_what_was_not_used_can_be_taken_again() -> None:
    buckets = TokenBuckets()
    charge = buckets.take("key", 10, 10, 0)

    buckets.settle(charge, 4, 0)

    assert buckets.level("key", 10, 0).left == 6
    assert take_all(buckets, "key", 10, 0) == 6


def test_what_was_used_beyond_the_charge_is_taken_too() -> None:
    buckets = TokenBuckets()
    charge = buckets.take("key", 4, 10, 0)

    buckets.settle(charge, 12, 0)

    assert buckets.level("key", 10, 0).full_in_s == 72


def test_a_late_settlement_saves_up_no_credit() -> None:
    buckets = TokenBuckets()
    charge = buckets.take("key", 10, 10, 0)

    buckets.settle(charge, 0, 300 * SECOND_NS)

    assert take_all(buckets, "key", 10, 300 * SECOND_NS) == 10


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = TokenBuckets()

    for number in range(3_000):
        buckets.take(f"key {number}", 1, 60, number * SECOND_NS)

    assert len(buckets) <= 1025


@settings(max_examples=40)
@given(
    per_minute=st.integers(1, 600), amounts=st.lists(AMOUNTS, min_size=1, max_size=10), pause_ns=st.integers(0, 10**10)
)
def test_a_refused_caller_is_admitted_after_just_the_time_that_it_was_told(
    per_minute: int, amounts: list[float], pause_ns: int
) -> None:
    buckets, now_ns = TokenBuckets(), 0
    for amount in amounts:
        now_ns += pause_ns
        try:
            buckets.take("key", amount, per_minute, now_ns)
        except EmptyBucketError as refused:
            wait_ns = round(refused.retry_after_s * SECOND_NS)
            with pytest.raises(EmptyBucketError):
                buckets.take("key", amount, per_minute, now_ns + wait_ns - 1)
            now_ns += wait_ns
            buckets.take("key", amount, per_minute, now_ns)


@settings(max_examples=40)
@given(
    per_minute=st.integers(1, 20),
    arrivals_ns=st.lists(st.integers(0, 20 * SECOND_NS), min_size=1, max_size=40).map(sorted),
)
def test_no_time_admits_more_than_a_full_bucket_and_what_flows_in_meanwhile(
    per_minute: int, arrivals_ns: list[int]
) -> None:
    buckets = TokenBuckets()
    admitted_ns: list[int] = []
    for now_ns in arrivals_ns:
        try:
            buckets.take("key", 1, per_minute, now_ns)
        except EmptyBucketError:
            continue
        admitted_ns.append(now_ns)

    for first, start_ns in enumerate(admitted_ns):
        for last in range(first, len(admitted_ns)):
            flowed_in = Fraction(per_minute * (admitted_ns[last] - start_ns), 60 * SECOND_NS)
            assert last - first + 1 <= per_minute + flowed_in
