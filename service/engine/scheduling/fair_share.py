"""Start-time fair queueing: shares device time between tenants by their weights. Knows tenants and seconds only.

Runs in the worker's process; pure. Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996, section 2: each
tenant has a start tag, the virtual time at which its next service starts, and the smallest tag is served next. Service
moves the tag of its tenant by the seconds that it takes, divided by the tenant's weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_DEFAULT_WEIGHT: Final = 1.0
EQUAL: Final[Mapping[str, float]] = {}
"""The shares of tenants that all have the same weight."""


def weight(shares: Mapping[str, float], tenant: str) -> float:
    """Returns the weight of a tenant; 1 where `shares` has none for it."""
    return shares.get(tenant, _DEFAULT_WEIGHT)


class FairShare:
    """Keeps the tenants' start tags. A tenant that was idle rejoins at the current virtual time, without any credit."""

    def __init__(self, shares: Mapping[str, float] = EQUAL) -> None:
        """`shares` holds the weights of tenants, positive numbers: one of weight 3 gets three times the time of one of
        weight 1."""
        self._shares = shares
        self._tags_s: dict[str, float] = {}
        """Start tags that are ahead of the virtual time."""
        self._virtual_time_s = 0.0
        """The smallest start tag among the tenants that have work."""

    def start_tag_s(self, tenant: str) -> float:
        """Returns the tenant's start tag in seconds; the tenant with the smallest tag is next."""
        return max(self._tags_s.get(tenant, 0.0), self._virtual_time_s)

    def virtual_s(self, tenant: str, seconds: float) -> float:
        """Returns the virtual seconds by which service of `seconds` moves the tenant's start tag."""
        return seconds / weight(self._shares, tenant)

    def served_s(self, tenant: str, virtual_s: float) -> float:
        """Returns the seconds of service that move the tenant's start tag by `virtual_s`."""
        return virtual_s * weight(self._shares, tenant)

    def charge(self, served_s: Mapping[str, float], backlogged: Iterable[str]) -> None:
        """Charges each served tenant for its seconds, while the `backlogged` tenants had work."""
        self._virtual_time_s = max(self._virtual_time_s, min(map(self.start_tag_s, backlogged), default=0.0))
        self._tags_s |= {
            tenant: self.start_tag_s(tenant) + self.virtual_s(tenant, seconds) for tenant, seconds in served_s.items()
        }
        self._tags_s = {tenant: tag_s for tenant, tag_s in self._tags_s.items() if tag_s > self._virtual_time_s}
