"""Extends uvicorn's HTTP/1.1 protocol by exact message boundaries.

The end of a message decides what is obeyed as the next request, so nothing here is left to a default: framing that two
servers could read differently is refused, an offer to upgrade is declined, and trailers are dropped. Written
against uvicorn 0.54 and httptools 0.9.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal, NoReturn, TypeAlias

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from service.server.connections.framing import head_without_offer, names_one_host, says_where_it_ends
from service.server.connections.refusals import HEAD_TOO_LARGE, INVALID, Refusal

Stage: TypeAlias = Literal["idle", "head", "body"]
"""The part of a request that is arriving; idle also while a request is answered."""
_HEADER_OVERHEAD: Final = 4
"""Bytes around a header's name and value: colon, space and line end."""


class _StopError(Exception):
    """Stops the parser. `_reason` says why."""


class FramedHttpProtocol(HttpToolsProtocol):
    """Reads the requests of one connection. Subclasses decide what they allow, and answer refusals."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop | None,
        *,
        max_header_bytes: int,
    ) -> None:
        super().__init__(config, server_state, app_state, loop)
        self.url = b""
        self._max_header_bytes = max_header_bytes
        self._stage: Stage = "idle"
        self._head_bytes = 0
        """Number of bytes of the head's complete parts."""
        self._raw_head_bytes = 0
        """Number of bytes fed to the parser since the head began."""
        self._head_to_parse_again: bytes | None = None
        """A head that offered an upgrade, without its offer."""
        self._reason: Refusal | None = None

    def _enter(self, stage: Stage) -> None:
        self._stage = stage

    def _objection(self, method: bytes) -> Refusal | None:
        """Returns a reason not to serve a well-framed request, or None. Called at the end of its head."""
        return None

    def _feed(self, data: bytes) -> Refusal | None:
        """Parses data. Returns a reason to refuse the arriving request, after which nothing may be fed, or None."""
        if self._stage == "idle":
            self._begin_head()
        if self._stage == "head":
            self._raw_head_bytes += len(data)
        try:
            self._parse(memoryview(data))
        except httptools.HttpParserError:  # The parser's own, or around an exception of the methods below.
            return self._reason or INVALID
        is_too_large = self._stage == "head" and self._raw_head_bytes > self._max_header_bytes
        return HEAD_TOO_LARGE if is_too_large else None

    def _parse(self, data: memoryview) -> None:
        # At an offer to upgrade httptools ends the message with its head, and takes the rest for another protocol. We
        # decline every offer, so the head is parsed once more without it, and the rest as its body. That takes a new
        # parser, since the old one reads nothing after a head that also says `Connection: close`.
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                assert self._head_to_parse_again is not None
                head, self._head_to_parse_again = self._head_to_parse_again, None
                self.parser = _new_parser(self)
                self.parser.feed_data(head)
                data = data[offer.args[0] :]
            else:
                return

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._stage == "idle":  # Behind another request, in the same segment.
            self._begin_head()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + _HEADER_OVERHEAD)
        if self._stage == "head":  # A trailer must not pass for a header: nobody has checked it as one.
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        method, version = self.parser.get_method(), self.parser.get_http_version()
        if not (says_where_it_ends(method, version, self.headers) and names_one_host(self.url, self.headers)):
            self._stop(INVALID)
        if self.parser.should_upgrade():
            self._head_to_parse_again = head_without_offer(method, self.url, version, self.headers)
            return
        if (objection := self._objection(method)) is not None:
            self._stop(objection)
        if version == "1.0":
            self.expect_100_continue = False  # Such a client knows no answer that is not final (RFC 9110, 10.1.1).
        super().on_headers_complete()
        self._enter("body")

    def on_message_complete(self) -> None:
        if self._head_to_parse_again is None:
            super().on_message_complete()
            self._enter("idle")

    def _begin_head(self) -> None:
        self._enter("head")
        self.url = b""  # A refusal looks at it, and must not see that of the request before.
        self._raw_head_bytes = 0

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._max_header_bytes:
            self._stop(HEAD_TOO_LARGE)

    def _stop(self, reason: Refusal) -> NoReturn:
        self._reason = reason
        raise _StopError


def _new_parser(protocol: FramedHttpProtocol) -> httptools.HttpRequestParser:
    """Makes a parser as uvicorn does: bytes after a request that says `Connection: close` are dropped without error."""
    parser = httptools.HttpRequestParser(protocol)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
