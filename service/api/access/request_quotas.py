"""Counts the requests of each key, and tells its holder what is left of its quotas.

The header fields are those of draft-ietf-httpapi-ratelimit-headers (version 10): `RateLimit-Policy` has the quotas of a
key, and `RateLimit` what is left of them once the request is answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.http.errors import ErrorAnswers
from service.auth.identity import Identity
from service.auth.quotas import KeyQuotas, Quota, QuotaState
from service.errors import QuotaExceededError

_UNITS: Final = {Quota.JOBS: "concurrent-requests", Quota.DEVICE_S: "device-seconds"}
"""Quota units other than the draft's default, requests. The draft has no unit for device time."""


class RequestQuotas:
    """An ASGI middleware, inside `Authentication`. Requests without a key pass uncounted."""

    def __init__(
        self, app: ASGIApp, *, quotas: KeyQuotas, unfinished_jobs: Callable[[str], int], answers: ErrorAnswers
    ) -> None:
        """`unfinished_jobs` returns the number of jobs that a tenant has in the store and that have not ended."""
        self._app = app
        self._quotas = quotas
        self._unfinished_jobs = unfinished_jobs
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identity: Identity | None = scope.get("state", {}).get("identity")
        if scope["type"] != "http" or identity is None or identity.key_id is None:
            await self._app(scope, receive, send)
            return

        async def send_with_quotas(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(identity, MutableHeaders(scope=message))
            await send(message)

        try:
            self._quotas.take_request(identity)
        except QuotaExceededError as error:
            await self._answers.answer(error, scope["path"])(scope, receive, send_with_quotas)
            return
        await self._app(scope, receive, send_with_quotas)

    def _add_headers(self, identity: Identity, headers: MutableHeaders) -> None:
        states = self._quotas.states(identity, lambda: self._unfinished_jobs(identity.tenant))
        if states:
            headers["RateLimit-Policy"] = ", ".join(map(_policy, states))
            headers["RateLimit"] = ", ".join(map(_service_limit, states))


def _policy(state: QuotaState) -> str:
    window = "" if state.window_s is None else f";w={state.window_s}"
    unit = f';qu="{_UNITS[state.quota]}"' if state.quota in _UNITS else ""
    return f'"{state.quota}";q={math.floor(state.limit)}{window}{unit}'


def _service_limit(state: QuotaState) -> str:
    reset = "" if state.full_in_s is None else f";t={math.ceil(state.full_in_s)}"
    return f'"{state.quota}";r={math.floor(state.left)}{reset}'
