"""The schedule of Standard Webhooks, with jitter, and its end."""

from __future__ import annotations

import pytest

from service.webhooks.retries import DELAYS_S, MAX_DELAY_S, MAX_TRIES, next_delay_s


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_tries_are_spread_over_more_than_a_day_and_end(share: float) -> None:
    delays = [next_delay_s(tries, lambda: share) for tries in range(1, MAX_TRIES + 1)]

    assert delays == [*(delay_s * (1 + share / 10) for delay_s in DELAYS_S), None]
    assert DELAYS_S[:3] == (5.0, 300.0, 1800.0)
    assert sum(DELAYS_S) > 86400
    assert max(filter(None, delays)) <= MAX_DELAY_S
