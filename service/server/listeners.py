"""Configures the uvicorn servers behind the listening sockets, and their bounds. Knows no engine and no signals."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Generator
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from service.api.edge.proxies import parse_trusted_proxies
from service.observability.edge_metrics import EdgeMetrics, ListenerName
from service.server.addresses import BACKLOG
from service.server.connections.admission import Admission
from service.server.connections.limits import LOOPBACK, EdgeLimits
from service.server.connections.protocol import BoundedHttpProtocol
from service.settings import Settings

_TICKS_PER_SWEEP: Final = 5
"""uvicorn ticks ten times a second."""
LAST_ANSWERS_S: Final = 2
"""Seconds for slow readers to take their answers after a drain that has used up its time."""
_MOST_LAST_ANSWERS_S: Final = 10
_ACCEPTED_AT_A_TIME: Final = 64
"""Connections that asyncio accepts at once (its `backlog`). It opens as many descriptors before any can be refused."""
RESERVE: Final = 64
ADMIN_CONNECTIONS: Final = 32
ADMIN_RESERVE: Final = 8


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `service.server.main` and enforces its connections' deadlines."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # The application cannot start, and `service.server.main` ends the process.
            self.should_exit = True
        else:
            for each in sockets or ():
                each.listen(BACKLOG)  # asyncio has lowered it to the number that it accepts at a time.

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # Then uvicorn would not end the application, nor its jobs.
            await self.lifespan.shutdown()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedHttpProtocol):
                    connection.sweep(now)
        return await super().on_tick(counter)


def last_answers_s(left_s: float) -> int:
    """Returns the seconds to wait for slow readers after a drain that has left `left_s` of its time."""
    return max(LAST_ANSWERS_S, min(_MOST_LAST_ANSWERS_S, int(left_s)))


def edge_limits(settings: Settings, listener: ListenerName = "api") -> EdgeLimits:
    """Returns the bounds of a listener's connections; few, for the admin listener."""
    is_admin = listener == "admin"
    proxies = parse_trusted_proxies(settings.trusted_proxies or "").networks
    return EdgeLimits(
        header_timeout_s=settings.header_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        write_timeout_s=settings.write_timeout_s,
        min_read_bytes_per_s=settings.min_read_bytes_per_s,
        max_connections=min(settings.max_connections, ADMIN_CONNECTIONS) if is_admin else settings.max_connections,
        max_connections_per_address=settings.max_connections_per_address,
        uncounted=(*LOOPBACK, *proxies),
        reserve=ADMIN_RESERVE if is_admin else RESERVE,
    )


def uvicorn_config(
    app: ASGIApp, settings: Settings, metrics: EdgeMetrics, listener: ListenerName = "api"
) -> uvicorn.Config:
    """Returns the configuration of a listener with the bounds of `settings`. Its connections count in `metrics`.

    Each default of uvicorn is decided in docs/decisions/0009-network-defaults.md.
    """
    limits = edge_limits(settings, listener)
    protocol = functools.partial(
        BoundedHttpProtocol, limits=limits, admission=Admission(limits), metrics=metrics, listener=listener
    )
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], protocol),
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_ACCEPTED_AT_A_TIME,
        # Declared as an int, but uvicorn only adds it to the event loop's time.
        timeout_keep_alive=cast(int, settings.keep_alive_timeout_s),
        timeout_graceful_shutdown=LAST_ANSWERS_S,
        reset_contextvars=True,
    )
