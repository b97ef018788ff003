"""Listening sockets, and the uvicorn servers behind them. Knows no engine and no signals."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Generator
from typing import Final, cast

import uvicorn
from starlette.types import ASGIApp

from service.observability.edge_metrics import EdgeMetrics, ListenerName
from service.server.http_limits import BoundedHttpProtocol, EdgeLimits
from service.settings import Settings

_TICKS_PER_SWEEP: Final = 5
"""uvicorn ticks ten times a second."""
LAST_ANSWERS_S: Final = 2
"""Time for slow readers to take their answers after a drain that has used up its time."""
_MOST_LAST_ANSWERS_S: Final = 10
_BACKLOG: Final = 2048


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to `service.server.main` and enforces its connections' deadlines."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:  # The application cannot start. `service.server.main` ends the process in order.
            self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # uvicorn leaves out the end of the application then, and with it of its jobs.
            await self.lifespan.shutdown()

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedHttpProtocol):
                    connection.sweep(now)
        return await super().on_tick(counter)


def last_answers_s(left_s: float) -> int:
    """Returns the seconds for which slow readers are waited for, where the drain has left `left_s` of its time."""
    return max(LAST_ANSWERS_S, min(_MOST_LAST_ANSWERS_S, int(left_s)))


def listen(host: str, port: int) -> socket.socket:
    """Raises `OSError`, naming the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # "::" stands for every address of the machine, IPv4 included.
    dual_stack = host == "::" and socket.has_dualstack_ipv6()
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual_stack)
    except OSError as error:
        raise OSError(f"{host}:{port}: {error.strerror}") from error


def uvicorn_config(
    app: ASGIApp, settings: Settings, metrics: EdgeMetrics, listener: ListenerName = "api"
) -> uvicorn.Config:
    """The configuration of every listener, with the bounds of `settings`. Its connections count in `metrics`.

    Each default of uvicorn is decided in docs/decisions/0009-network-defaults.md.
    """
    limits = EdgeLimits(
        header_timeout_s=settings.header_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        write_timeout_s=settings.write_timeout_s,
        max_connections=settings.max_connections,
    )
    protocol = functools.partial(BoundedHttpProtocol, limits=limits, metrics=metrics, listener=listener)
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
        backlog=_BACKLOG,
        # Declared as an int, but uvicorn only adds it to the event loop's time.
        timeout_keep_alive=cast(int, settings.keep_alive_timeout_s),
        timeout_graceful_shutdown=LAST_ANSWERS_S,
        reset_contextvars=True,
    )
