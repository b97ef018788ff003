"""Shares the requests that may be under way between tenants, and a tenant's between the hosts of its receivers.

Each takes a further one only while it has less than what would leave an equal share for one more. So nobody waits for
another's receivers for longer than one try, however many deliveries that one has and however slowly they are answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from service.webhooks.deliveries import DueDelivery, TenantHost


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchLimits:
    """Requests that are under way at a time."""

    total: int = 32
    per_host: int = 4
    """Requests of one tenant to the same host."""


class Shares:
    """The deliveries that are under way, and whether there is room for a further one."""

    def __init__(self, limits: DispatchLimits, under_way: Iterable[DueDelivery]) -> None:
        self._limits = limits
        self._tenants = Counter[str]()
        self._hosts = Counter[TenantHost]()
        self._hosts_of = Counter[str]()
        """The number of hosts of each tenant."""
        for each in under_way:
            self._add(each)

    def take(self, delivery: DueDelivery) -> bool:
        """Adds the delivery if there is room for it. Returns whether there was."""
        host = delivery.tenant, delivery.host
        if self.free <= 0 or self._is_busy(delivery.tenant) or self._is_busy_host(host):
            return False
        self._add(delivery)
        return True

    @property
    def free(self) -> int:
        """Number of further requests, of whichever tenants."""
        return self._limits.total - self._tenants.total()

    def busy_tenants(self) -> list[str]:
        """Returns the tenants for which there is no room."""
        return list(filter(self._is_busy, self._tenants))

    def busy_hosts(self) -> list[TenantHost]:
        """Returns the hosts for which there is no room."""
        return list(filter(self._is_busy_host, self._hosts))

    def _add(self, delivery: DueDelivery) -> None:
        host = delivery.tenant, delivery.host
        self._hosts_of[delivery.tenant] += host not in self._hosts
        self._tenants[delivery.tenant] += 1
        self._hosts[host] += 1

    def _is_busy(self, tenant: str) -> bool:
        return self._tenants[tenant] >= self._tenant_share()

    def _is_busy_host(self, host: TenantHost) -> bool:
        share = _share(self._tenant_share(), self._hosts_of[host[0]])
        return self._hosts[host] >= min(share, self._limits.per_host)

    def _tenant_share(self) -> int:
        return _share(self._limits.total, len(self._tenants))


def _share(room: int, users: int) -> int:
    """Returns the most that each of the users may have so that as much is left for one more, but at least 1."""
    return max(1, room // (users + 1))
