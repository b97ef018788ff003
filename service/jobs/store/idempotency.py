"""Stores idempotency keys: a caller's key names one job for as long as both are remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, select

from service.errors import GoneError, KeyReusedError
from service.jobs.records import JobRecord
from service.jobs.store.row_mapping import job_record
from service.jobs.store.statements import images_of, insert_or_ignore
from service.jobs.store.tables import idempotency_keys, jobs

_MINE: Final = (idempotency_keys.c.tenant == bindparam("owner")) & (idempotency_keys.c.key == bindparam("name"))
_BOUND: Final = select(idempotency_keys).where(_MINE)
_FORGET: Final = delete(idempotency_keys).where(
    _MINE,
    idempotency_keys.c.expires_at < bindparam("now"),
    ~select(jobs.c.id).where(jobs.c.id == idempotency_keys.c.job_id).exists(),
)
_JOB: Final = select(jobs).where(jobs.c.id == bindparam("id"), jobs.c.tenant == bindparam("owner"))


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key for one request: the same key and body again name the same job."""

    key: str
    fingerprint: str
    """Hash of the request body."""
    lifetime_s: float
    """The key is remembered for at least this long, and as long as its job's record exists."""


def bound_job(connection: Connection, tenant: str, idempotency: IdempotencyKey, now: float) -> JobRecord | None:
    """Returns the job that the key names, or None where the key is free.

    Raises `KeyReusedError` where the key came with another body, and `GoneError` where its job has been deleted.
    """
    bound = connection.execute(_BOUND, {"owner": tenant, "name": idempotency.key}).one_or_none()
    if bound is None:
        return None
    job = connection.execute(_JOB, {"id": bound.job_id, "owner": tenant}).one_or_none()
    if job is None and bound.expires_at < now:
        return None
    if bound.fingerprint != idempotency.fingerprint:
        raise KeyReusedError("This Idempotency-Key was already used with a different body.")
    if job is None:
        raise GoneError("The job of this Idempotency-Key has been deleted.")
    return job_record(job, images_of(connection, [job.id]).get(job.id, ()))


def bind_key(
    connection: Connection, tenant: str, job_id: str, idempotency: IdempotencyKey, now: float
) -> JobRecord | None:
    """Binds the key to a new job in the open transaction, or returns the job that it names.

    Raises what `bound_job` raises.
    """
    connection.execute(_FORGET, {"owner": tenant, "name": idempotency.key, "now": now})
    binding = insert_or_ignore(connection, idempotency_keys).returning(idempotency_keys.c.key)
    row = {
        "tenant": tenant,
        "key": idempotency.key,
        "fingerprint": idempotency.fingerprint,
        "job_id": job_id,
        "expires_at": now + idempotency.lifetime_s,
    }
    # RETURNING tells whether a row was inserted. psycopg does not report the row count of an INSERT.
    if connection.execute(binding, row).first() is not None:
        return None
    return bound_job(connection, tenant, idempotency, now)
