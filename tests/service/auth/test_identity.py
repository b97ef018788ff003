"""A key's own limits go before those of the settings."""

from __future__ import annotations

from service.auth.identity import Quotas


def test_limits_that_a_key_lacks_are_those_of_the_settings() -> None:
    defaults = Quotas(requests_per_minute=60, max_jobs=4, device_s_per_minute=1.5)

    assert Quotas(max_jobs=9).completed(defaults) == Quotas(
        requests_per_minute=60, max_jobs=9, device_s_per_minute=1.5, max_stored_bytes=None
    )
    assert Quotas(max_stored_bytes=1).completed(Quotas()) == Quotas(max_stored_bytes=1)
