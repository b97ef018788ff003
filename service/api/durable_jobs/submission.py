"""Accepts a durable job under the idempotency key and the quotas of its request, and may wait for its end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request

from service.api.dependencies import jobs_of, services_of, unless_gone
from service.api.http.form_body import UploadedFile
from service.errors import InvalidRequestError, QueueFullError, QuotaExceededError, StoreUnavailableError
from service.images.inputs.raster import InputFile
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.tenants.allowance import Allowance
from service.jobs.views import JobView

KEY_PATTERN: Final = "[ -~]{1,255}"
_KEY_LIFETIME_S: Final = 86400.0


async def idempotency_key(request: Request, fields: Mapping[str, Any]) -> IdempotencyKey | None:
    """Returns the key of the header `Idempotency-Key`, for a body with these fields. Raises `InvalidRequestError`."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not re.fullmatch(KEY_PATTERN, key):
        raise InvalidRequestError("Idempotency-Key must have 1 to 255 printable ASCII characters.")
    return IdempotencyKey(key, await asyncio.to_thread(_fingerprint, fields), _KEY_LIFETIME_S)


async def allowance(request: Request, files: Sequence[InputFile]) -> Allowance:
    """Returns the caller's allowance for a job that starts from these files."""
    services = services_of(request)
    excess = await services.storage_excess(request, sum(len(file.data) for file in files))
    return services.quotas.job(services.identity(request), stored=True, excess=excess)


async def waited(request: Request, view: JobView, wait_s: float) -> JobView | None:
    """Returns the job when it has ended, or its state after `wait_s`. Returns None where nobody can wait for it now.

    None is no error: the job is accepted, and a caller that saw an error would send it again. Raises
    `CanceledError` where the caller hangs up.
    """
    try:
        return await unless_gone(request, jobs_of(request).wait(view.record.id, view.record.tenant, wait_s))
    except (QueueFullError, QuotaExceededError, StoreUnavailableError):
        return None


def _fingerprint(fields: Mapping[str, Any]) -> str:
    """Returns a digest of the body as it was sent, before a seed is drawn, whatever the order of its fields."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=_digest).encode()).hexdigest()


def _digest(file: UploadedFile) -> str:
    return hashlib.sha256(file.data).hexdigest()
