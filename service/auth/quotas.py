"""Counts what each key has used of its quotas, and refuses what exceeds them. Knows no HTTP and no store.

Each server process counts what passes through it, and is told what the store holds. Requests and device seconds count
for the key, jobs and bytes for its tenant, from whichever dialect and key they came.
"""

from __future__ import annotations

import enum
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from service.auth.identity import Identity
from service.auth.token_buckets import WINDOW_S, Charge, EmptyBucketError, TokenBuckets
from service.errors import QuotaExceededError
from service.jobs.tenants.stored_bytes import Excess

_LEAST_END_S: Final = 1.0
"""Assumed seconds until the end of a job that should have ended by now."""
_UNKNOWN_END_S: Final = 5.0
"""Assumed seconds until the end of a job that this process does not know."""


class Quota(enum.StrEnum):
    """The kinds of limits. The values are names of policies in headers and of labels in metrics."""

    REQUESTS = "requests"
    JOBS = "jobs"
    DEVICE_S = "device-seconds"
    STORED_BYTES = "stored-bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaState:
    """The state of one quota of a key at one time."""

    quota: Quota
    limit: float
    left: float
    window_s: int | None = None
    """Seconds in which the limit may be used once; None for a quota that is used and given back."""
    full_in_s: float | None = None
    """Seconds until the whole limit is left; None where that is unknown."""


class KeyQuotas:
    """Enforces the quotas of all keys. All methods belong to one event loop; refusals are `QuotaExceededError`."""

    def __init__(
        self,
        on_refusal: Callable[[Quota], object] = lambda quota: None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`on_refusal` is called with the quota of every refusal. `clock_ns` never goes back."""
        self._on_refusal = on_refusal
        self._clock_ns = clock_ns
        self._requests = TokenBuckets()
        self._device = TokenBuckets()
        self._direct: Counter[str] = Counter()
        """Number of running jobs that no store knows, by tenant."""
        self._ends_ns: dict[str, dict[int, int]] = {}
        """Expected ends of the jobs that were admitted here, by tenant and the job's number."""
        self._numbers = 0

    def take_request(self, identity: Identity) -> None:
        """Counts a request of the key. Raises `QuotaExceededError`."""
        per_minute = identity.quotas.requests_per_minute
        if per_minute is None:
            return
        try:
            self._requests.take(_key(identity), 1, per_minute, self._clock_ns())
        except EmptyBucketError as empty:
            raise self._refusal(
                Quota.REQUESTS, f"This key may send {per_minute} requests a minute.", empty.retry_after_s
            ) from None

    def job(self, identity: Identity, *, stored: bool, excess: Excess | None = None) -> JobAllowance:
        """Returns the allowance for a job of the key. The store itself counts a `stored` job.

        With an `excess` there is no room for the bytes that it stores, and the job is refused.
        """
        return JobAllowance(self, identity, stored=stored, excess=excess)

    def storage_refusal(self, identity: Identity, excess: Excess) -> QuotaExceededError:
        """Returns the error for a key whose tenant stores too much."""
        most = identity.quotas.max_stored_bytes
        self._on_refusal(Quota.STORED_BYTES)
        return QuotaExceededError(
            f"Your images and uploads may take {most} bytes. Delete some of them first.",
            retry_after_s=excess.frees_in_s,
        )

    def states(self, identity: Identity, unfinished_jobs: Callable[[], int]) -> list[QuotaState]:
        """Returns the states of the quotas that change with requests. `unfinished_jobs` counts the stored jobs."""
        quotas, key, now_ns, states = identity.quotas, _key(identity), self._clock_ns(), list[QuotaState]()
        for quota, buckets, per_minute in (
            (Quota.REQUESTS, self._requests, quotas.requests_per_minute),
            (Quota.DEVICE_S, self._device, quotas.device_s_per_minute),
        ):
            if per_minute is not None:
                level = buckets.level(key, per_minute, now_ns)
                states.append(
                    QuotaState(
                        quota=quota, limit=per_minute, left=level.left, window_s=WINDOW_S, full_in_s=level.full_in_s
                    )
                )
        if quotas.max_jobs is not None:
            left = max(0, quotas.max_jobs - self._direct[identity.tenant] - unfinished_jobs())
            states.append(QuotaState(quota=Quota.JOBS, limit=quotas.max_jobs, left=left))
        return states

    def admit(
        self, identity: Identity, price_s: float, unfinished_jobs: int, ends_in_s: float, *, stored: bool
    ) -> AdmittedJob:
        """Counts a job and charges its price. See `JobAllowance.enter`."""
        tenant, quotas, now_ns = identity.tenant, identity.quotas, self._clock_ns()
        if quotas.max_jobs is not None and self._direct[tenant] + unfinished_jobs >= quotas.max_jobs:
            raise self._refusal(
                Quota.JOBS, f"You may have {quotas.max_jobs} unfinished jobs at a time.", self._next_end_s(tenant)
            )
        charge = None
        if quotas.device_s_per_minute is not None:
            charge = self._charge(identity, price_s, quotas.device_s_per_minute, now_ns)
        self._numbers += 1
        self._direct[tenant] += not stored
        self._ends_ns.setdefault(tenant, {})[self._numbers] = now_ns + math.ceil(ends_in_s * 1e9)
        return AdmittedJob(self._numbers, charge)

    def _charge(self, identity: Identity, price_s: float, per_minute_s: float, now_ns: int) -> Charge:
        try:
            return self._device.take(_key(identity), price_s, per_minute_s, now_ns)
        except EmptyBucketError as empty:
            raise self._refusal(
                Quota.DEVICE_S, f"This key may use {per_minute_s:g} device seconds a minute.", empty.retry_after_s
            ) from None

    def release(self, identity: Identity, admitted: AdmittedJob, used_s: float | None, *, stored: bool) -> None:
        """Ends an admitted job, and settles the device seconds that it has used; None settles nothing."""
        tenant = identity.tenant
        if admitted.charge is not None and used_s is not None:
            self._device.settle(admitted.charge, used_s, self._clock_ns())
        self._direct[tenant] -= not stored
        if not self._direct[tenant]:
            del self._direct[tenant]
        ends = self._ends_ns[tenant]
        del ends[admitted.number]
        if not ends:
            del self._ends_ns[tenant]

    def _next_end_s(self, tenant: str) -> float:
        """Returns the seconds until the tenant's next job is expected to end."""
        ends = self._ends_ns.get(tenant)
        return max(_LEAST_END_S, (min(ends.values()) - self._clock_ns()) / 1e9) if ends else _UNKNOWN_END_S

    def _refusal(self, quota: Quota, limit: str, retry_after_s: float | None) -> QuotaExceededError:
        self._on_refusal(quota)
        return QuotaExceededError(f"{limit} Try again later.", retry_after_s=retry_after_s)


@dataclass(frozen=True, slots=True)
class AdmittedJob:
    number: int
    charge: Charge | None


class JobAllowance:
    """Admits one job under the quotas of a key. Implements `service.jobs.tenants.allowance.Allowance`."""

    def __init__(self, quotas: KeyQuotas, identity: Identity, *, stored: bool, excess: Excess | None) -> None:
        self._quotas = quotas
        self._excess = excess
        self._identity = identity
        self._stored = stored
        self._admitted: AdmittedJob | None = None

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        """Admits the job and charges its price, or raises `QuotaExceededError`. Call it once.

        `unfinished_jobs` is the number of the tenant's jobs in the store; `ends_in_s` estimates when this one ends.
        """
        if self._excess is not None:
            raise self._quotas.storage_refusal(self._identity, self._excess)
        self._admitted = self._quotas.admit(self._identity, price_s, unfinished_jobs, ends_in_s, stored=self._stored)

    def leave(self, used_s: float | None) -> None:
        """Ends the job, which has used `used_s` device seconds; None stands for the price that it was charged.

        A second call, or one before `enter`, does nothing.
        """
        admitted, self._admitted = self._admitted, None
        if admitted is not None:
            self._quotas.release(self._identity, admitted, used_s, stored=self._stored)


def _key(identity: Identity) -> str:
    return identity.key_id or ""
