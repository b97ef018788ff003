"""/api/v1/keys: holders of an admin's key manage the server's keys here. `darkroom keys` makes the first key."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.dependencies import jobs_of, services_of
from service.api.dialects.jobs.resolve import BODY_RULES
from service.api.http.dialect import FieldProblem
from service.api.http.fields import Text, utc_time
from service.api.http.json_body import read_json_object
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_schema, parse
from service.auth.identity import DEFAULT_TENANT, Quotas, Role
from service.auth.key_repository import KeyRepository
from service.auth.keys import ApiKey, NewKey, Validity, check_tenant, make_key
from service.errors import ForbiddenError, NotFoundError

_MAX_LIFETIME_S: Final = 100 * 366 * 86400
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {status: {"model": ProblemOut} for status in (401, 403, 503)}

Count = Annotated[int | None, Field(ge=1, le=2**53)]


def _require_admin(request: Request) -> None:
    """Raises `ForbiddenError` without an admin's key. Where nobody needs a key, nobody is an admin."""
    identity = services_of(request).identity(request)
    if identity.key_id is None or identity.role is not Role.ADMIN:
        raise ForbiddenError("Only an admin's key may manage keys.")


router = APIRouter(prefix="/api/v1/keys", tags=["keys"], responses=_RESPONSES, dependencies=[Depends(_require_admin)])


class QuotasBody(BaseModel):
    """The limits of a key. Null is no limit."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    requests_per_minute: Count = None
    max_jobs: Count = None
    device_s_per_minute: Annotated[float | None, Field(ge=0.001, allow_inf_nan=False)] = None
    max_stored_bytes: Count = None


class KeyRequest(BaseModel):
    """POST /api/v1/keys."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: Annotated[str, Field(description="A name for people")]
    role: Annotated[str, Field(description="`user`, or `admin`, who also manages keys", pattern="^(user|admin)$")] = (
        Role.USER.value
    )
    tenant: Annotated[str, Field(description="Whose jobs and images the key reaches")] = DEFAULT_TENANT
    expires_in_s: Annotated[
        int | None, Field(ge=1, le=_MAX_LIFETIME_S, description="Seconds until the key expires; null is never")
    ] = None
    quotas: Annotated[QuotasBody, Field(description="The key's limits")] = QuotasBody()


class KeyOut(BaseModel):
    id: str
    name: str
    role: Role
    tenant: str
    quotas: QuotasBody
    state: Validity
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKeyOut(KeyOut):
    key: str
    """The key itself, which is not shown again."""


class KeyList(BaseModel):
    data: list[KeyOut]


@router.get("")
async def list_keys(request: Request) -> KeyList:
    """List the keys of all tenants, without those of the key file.

    Keys that have ended are listed for at least 30 days.
    """
    keys, now = _repository(request), jobs_of(request).database.clock.now()
    return KeyList(data=[_key_out(key, now) for key in await keys.all()])


@router.post(
    "",
    status_code=201,
    responses={status: {"model": ProblemOut} for status in (400, 413, 415, 422)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(KeyRequest, BODY_RULES)}},
        }
    },
)
async def create_key(request: Request) -> NewKeyOut:
    """Make a key. Only this answer shows it."""
    fields = await read_json_object(request, services_of(request).max_body_bytes)
    now = jobs_of(request).database.clock.now()
    key, secret = make_key(_new_key(parse(KeyRequest, fields, BODY_RULES).request, now), now=now)
    await _repository(request).add(key)
    await _refresh(request)
    return NewKeyOut(**_key_out(key, now).model_dump(), key=secret)


@router.delete("/{key_id}", status_code=204, responses={404: {"model": ProblemOut}})
async def revoke_key(request: Request, key_id: Text) -> Response:
    """Revoke a key: within a second all servers refuse it and end what it began."""
    if not await _repository(request).revoke(key_id, now=jobs_of(request).database.clock.now()):
        raise NotFoundError("There is no such key.")
    await _refresh(request)
    return Response(status_code=204)


def _repository(request: Request) -> KeyRepository:
    return KeyRepository(jobs_of(request).database)


async def _refresh(request: Request) -> None:
    """Makes this process see a change at once. The other processes see it within a second."""
    ring = services_of(request).authenticator.ring
    if ring is not None:
        await ring.refresh()


def _new_key(asked: KeyRequest, now: float) -> NewKey:
    """Raises `UnprocessableError` for an invalid name or tenant."""
    field = "tenant"
    try:
        check_tenant(asked.tenant)
        field = "name"
        return NewKey(
            name=asked.name,
            role=Role(asked.role),
            tenant=asked.tenant,
            expires_at=None if asked.expires_in_s is None else now + asked.expires_in_s,
            quotas=Quotas(**asked.quotas.model_dump()),
        )
    except ValueError as error:
        raise BODY_RULES.refuse([FieldProblem((field,), str(error).removesuffix("."))]) from None


def _key_out(key: ApiKey, now: float) -> KeyOut:
    return KeyOut(
        id=key.id,
        name=key.name,
        role=key.role,
        tenant=key.tenant,
        quotas=QuotasBody(**asdict(key.quotas)),
        state=key.validity(now),
        created_at=utc_time(key.created_at),
        expires_at=utc_time(key.expires_at),
        last_used_at=utc_time(key.last_used_at),
        revoked_at=utc_time(key.revoked_at),
    )
