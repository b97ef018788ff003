"""Start-time fair queueing: shares device time equally between tenants. Knows tenants and seconds only.

Runs in the worker's process; pure. Goyal, Vin and Cheng, "Start-time Fair Queueing", SIGCOMM 1996, section 2: each
tenant has a start tag, the virtual time at which its next service starts, and the smallest tag is served next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class FairShare:
    """The tenants' start tags. A tenant that was idle rejoins at the current virtual time: it saves up no credit."""

    def __init__(self) -> None:
        self._tags_s: dict[str, float] = {}
        """Start tags that are ahead of the virtual time."""
        self._virtual_time_s = 0.0
        """The smallest start tag among the tenants that have work."""

    def start_tag_s(self, tenant: str) -> float:
        """Returns the tenant's start tag in seconds; the tenant with the smallest tag is next."""
        return max(self._tags_s.get(tenant, 0.0), self._virtual_time_s)

    def charge(self, served_s: Mapping[str, float], backlogged: Iterable[str]) -> None:
        """Charges each served tenant for its seconds, while the `backlogged` tenants had work."""
        self._virtual_time_s = max(self._virtual_time_s, min(map(self.start_tag_s, backlogged), default=0.0))
        self._tags_s |= {tenant: self.start_tag_s(tenant) + seconds for tenant, seconds in served_s.items()}
        self._tags_s = {tenant: tag_s for tenant, tag_s in self._tags_s.items() if tag_s > self._virtual_time_s}
