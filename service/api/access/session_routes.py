"""/api/v1/session: the page's session. It takes a key once, and the browser keeps a cookie that no script can read."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.access.credentials import session_cookie
from service.api.dependencies import Services, services_of
from service.api.dialects.jobs.resolve import BODY_RULES
from service.api.http.json_body import read_json_object
from service.api.http.problems import ProblemOut
from service.api.http.request_body import body_schema, parse
from service.auth.authenticator import Admission, Refusal
from service.auth.identity import Identity, Role

_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {status: {"model": ProblemOut} for status in (401, 503)}

_MAX_BODY_BYTES: Final = 8192
"""A key is all that anybody sends here, and everybody may."""

router = APIRouter(prefix="/api/v1/session", tags=["session"], responses=_RESPONSES)


class SessionRequest(BaseModel):
    """POST /api/v1/session."""

    model_config = ConfigDict(strict=True, frozen=True)

    key: Annotated[str, Field(min_length=1, max_length=1000, repr=False, description="An API key")]


class SessionOut(BaseModel):
    tenant: str
    role: Role
    name: str
    """The key's name."""
    expires_at: datetime | None
    """When the session ends, or the key of a request without a session; null where it never ends."""
    keys_required: bool
    """Whether requests need a key. Where they do not, there are no sessions."""


@router.post(
    "",
    responses={status: {"model": ProblemOut} for status in (400, 413, 415, 422)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body_schema(SessionRequest, BODY_RULES)}},
        }
    },
)
async def open_session(request: Request, response: Response) -> SessionOut:
    """Open a session with a key. It ends after a time that the operator sets, a day by default, or with its key."""
    services = services_of(request)
    fields = await read_json_object(request, _MAX_BODY_BYTES)
    key = parse(SessionRequest, fields, BODY_RULES).request.key
    if not services.authenticator.keys_required:
        return _session_out(services, services.authenticator.anonymous())
    try:
        text, admission = services.authenticator.open_session(key)
    except Refusal as refusal:
        services.metrics.authentication_refused(refusal.reason)
        raise refusal.error() from None
    lifetime_s = math.ceil(services.authenticator.session_lifetime_s)
    response.set_cookie(value=text, max_age=lifetime_s, **_cookie(request))
    return _session_out(services, admission)


@router.get("")
async def get_session(request: Request) -> SessionOut:
    """Tell who the caller is. 401 without a valid session or key, where one is needed."""
    services = services_of(request)
    services.identity(request)  # Raises for a request without one.
    return _session_out(services, request.state.admission)


@router.delete("", status_code=204)
async def close_session(request: Request) -> Response:
    """Make the browser forget the session, and the images that it has seen with it."""
    response = Response(status_code=204, headers={"Clear-Site-Data": '"cache"'})
    response.delete_cookie(**_cookie(request))
    return response


def _cookie(request: Request) -> dict[str, Any]:
    """Returns the cookie's attributes. No script reads it, no other site's page sends it, and TLS keeps it to TLS."""
    return {
        "key": session_cookie(services_of(request).authenticator.session_name, request.url.scheme),
        "path": "/",
        "httponly": True,
        "samesite": "strict",
        "secure": request.url.scheme == "https",
    }


def _session_out(services: Services, admission: Admission) -> SessionOut:
    identity: Identity = admission.identity
    return SessionOut(
        tenant=identity.tenant,
        role=identity.role,
        name=identity.name,
        expires_at=None if admission.expires_at is None else datetime.fromtimestamp(admission.expires_at, UTC),
        keys_required=services.authenticator.keys_required,
    )
