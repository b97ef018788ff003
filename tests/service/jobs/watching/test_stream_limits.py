"""Streams are limited in all and for each tenant, and one that ends makes room."""

from __future__ import annotations

import contextlib

import pytest

from service.errors import QueueFullError, QuotaExceededError
from service.jobs.watching.stream_limits import StreamLimits


def test_a_tenant_has_its_own_limit_and_leaves_room_for_others() -> None:
    limits = StreamLimits(max_streams=3, max_streams_per_tenant=2)
    with limits.open("a"), limits.open("a"):
        with pytest.raises(QuotaExceededError) as refused, limits.open("a"):
            pass
        with limits.open("b"):
            pass
    assert refused.value.retry_after_s is not None


def test_all_tenants_together_have_a_limit() -> None:
    limits = StreamLimits(max_streams=2, max_streams_per_tenant=2)
    with limits.open("a"), limits.open("b"), pytest.raises(QueueFullError) as refused, limits.open("c"):
        pass
    assert refused.value.code == "queue_full"
    assert refused.value.retry_after_s is not None


def test_a_stream_that_ends_or_fails_makes_room() -> None:
    limits = StreamLimits(max_streams=1, max_streams_per_tenant=1)
    with contextlib.suppress(KeyError), limits.open("a"):
        raise KeyError
    with limits.open("a"):
        pass
