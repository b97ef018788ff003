"""Sends one request to a webhook's address and tells how it was answered. Follows no redirect and uses no proxy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore2

from service.webhooks.sending.network import ForbiddenAddressError, GuardedNetwork, Resolve
from service.webhooks.sending.targets import Target

TIMEOUT_S: Final = 15.0
"""For a whole request: the name, the connection, and the answer's status."""
_MAX_ANSWER_BYTES: Final = 1 << 14
_ANSWER_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a receiver, or the reason why there is none."""

    status: int | None
    """None where there was no answer."""
    error: str | None = None
    """Why there was none, in words for the caller that do not tell what lies behind a name."""


class Sender:
    """All methods belong to one event loop."""

    def __init__(self, resolve: Resolve, *, timeout_s: float = TIMEOUT_S, tls: ssl.SSLContext | None = None) -> None:
        """Without `tls` receivers must have a certificate that this machine trusts."""
        self._resolve = resolve
        self._timeout_s = timeout_s
        self._tls = tls

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Returns within the timeout, whatever the receiver does."""
        try:
            async with asyncio.timeout(self._timeout_s):
                return Answer(await self._status(target, headers, body))
        except (TimeoutError, httpcore2.TimeoutException):
            return Answer(None, "The receiver did not answer in time.")
        except ForbiddenAddressError:
            return Answer(None, "The host has an address that is not public.")
        except (ssl.SSLError, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return Answer(None, _explained(error))
        except OSError:
            return Answer(None, "The host has no address.")

    async def _status(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        async with self._connection(target) as connection:
            url = httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
            async with connection.stream(
                "POST", url, headers=[("Host", target.authority), *headers.items()], content=body
            ) as response:
                await _read_some(response)
                return response.status

    def _connection(self, target: Target) -> httpcore2.AsyncHTTPConnection:
        """A connection for one request: the next one resolves the name and checks it anew."""
        if target.scheme == "https" and self._tls is None:
            self._tls = httpcore2.default_ssl_context()
        return httpcore2.AsyncHTTPConnection(
            httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port),
            ssl_context=self._tls,
            network_backend=GuardedNetwork(self._resolve, may_be_inner=target.is_allowed),
        )


async def _read_some(response: httpcore2.Response) -> None:
    """Reads a short answer, so that its sender sees an orderly end. What it says does not matter."""
    read = 0
    with contextlib.suppress(TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        async with asyncio.timeout(_ANSWER_S):
            async for part in response.aiter_stream():
                read += len(part)
                if read > _MAX_ANSWER_BYTES:
                    return


def _explained(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__ or error.__context__, ssl.SSLError):
        return "The receiver's certificate was not accepted."
    if isinstance(error, httpcore2.ConnectError):
        return "The receiver could not be connected to."
    return "The receiver ended the connection or did not answer in HTTP."
