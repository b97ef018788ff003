"""Lets in requests with a valid key or session, and requests to open routes. Ends them when their key ends."""

from __future__ import annotations

from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.access.credentials import is_same_origin, secrets_of, session_cookie, session_of
from service.api.access.open_routes import is_open
from service.api.access.running import RunningRequest, RunningRequests
from service.api.edge.addresses import addresses_of
from service.api.http.errors import ErrorAnswers
from service.auth.authenticator import Admission, Authenticator, Refusal, RefusalReason
from service.errors import DarkroomError, ForbiddenError
from service.observability.edge_metrics import EdgeMetrics

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


class Authentication:
    """An ASGI middleware, inside the one that gives a request its id. It puts the caller into the request's state."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator,
        answers: ErrorAnswers,
        metrics: EdgeMetrics,
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._answers = answers
        self._metrics = metrics
        self._running = RunningRequests(authenticator.is_admitted)
        if authenticator.ring is not None:
            authenticator.ring.watch(self._running.end_refused)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # There are no WebSocket routes.
            return
        try:
            admission = self._admit(scope)
        except (Refusal, DarkroomError) as refused:
            if is_open(scope):
                await self._app(scope, receive, send)
            else:
                await self._refuse(refused, scope, receive, send)
            return
        await self._serve(admission, scope, receive, send)

    def _admit(self, scope: Scope) -> Admission:
        """Returns the admission. One valid secret of several is enough. Raises `Refusal` and `DarkroomError`."""
        headers = Headers(scope=scope)
        first: Refusal | None = None
        for secret in secrets_of(headers):
            try:
                return self._authenticator.by_secret(secret)
            except Refusal as refusal:
                first = first or refusal
        session = session_of(headers, session_cookie(self._authenticator.session_name, scope["scheme"]))
        if session is None:
            if first is not None:
                raise first
            return self._authenticator.anonymous()
        admission = self._authenticator.by_session(session)
        if admission.identity.key_id is not None and not _may_use_session(scope, headers):
            raise Refusal(RefusalReason.FOREIGN_ORIGIN)
        return admission

    async def _serve(self, admission: Admission, scope: Scope, receive: Receive, send: Send) -> None:
        identity = admission.identity
        scope.setdefault("state", {}).update(identity=identity, admission=admission)
        structlog.contextvars.bind_contextvars(tenant=identity.tenant)
        if identity.key_id is not None:
            structlog.contextvars.bind_contextvars(key_id=identity.key_id)
        request = RunningRequest(admission, receive, send)
        with self._running.running(request):
            await self._app(scope, request.receive, request.send)
        if not request.has_ended:
            return
        if request.has_begun:
            await request.close_stream()
        else:
            await self._refuse(Refusal(RefusalReason.REVOKED), scope, receive, send)

    async def _refuse(self, refused: Refusal | DarkroomError, scope: Scope, receive: Receive, send: Send) -> None:
        reason = refused.reason if isinstance(refused, Refusal) else RefusalReason.NOT_READY
        self._metrics.authentication_refused(reason)
        await self._answers.answer(_error(refused), scope["path"])(scope, receive, send)


def _error(refused: Refusal | DarkroomError) -> DarkroomError:
    if isinstance(refused, DarkroomError):
        return refused
    if refused.reason is RefusalReason.FOREIGN_ORIGIN:
        return ForbiddenError("The session of this server's page cannot be used from elsewhere.")
    return refused.error()


def _may_use_session(scope: Scope, headers: Headers) -> bool:
    # A proxy may replace the Host header, so the origin by which callers know the server is its own, too.
    own = (f"{scope['scheme']}://{headers.get('host', '')}", addresses_of(HTTPConnection(scope)).origin)
    # A page of another origin may be allowed to read answers, but never with the session of our own page.
    reads = scope["method"] in SAFE_METHODS and "origin" not in headers
    return reads or is_same_origin(headers, own)
