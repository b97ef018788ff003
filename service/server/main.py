"""The process that `darkroom serve` is: two listeners, one engine, and an orderly end.

On the first SIGTERM or SIGINT readiness goes, accepted work is finished, the process exits 0; on the second nothing is
waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Final, cast

import structlog
import uvicorn
from rich.console import Console
from starlette.types import ASGIApp

from service.api.admin import create_admin_app
from service.catalog import BUNDLED, locate
from service.engine.config import EngineConfig, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Engine, Phase
from service.observability import logs
from service.observability.metrics import Metrics
from service.server.app import create_app
from service.server.http_limits import BoundedHttpProtocol, EdgeLimits
from service.settings import Settings, is_loopback

_TICKS_PER_SWEEP: Final = 5
"""uvicorn ticks ten times a second."""
_LAST_ANSWERS_S: Final = 10
"""For answers on their way to slow readers, after the engine has ended."""
_BACKLOG: Final = 2048

_Door = tuple[ASGIApp, str, int]
"""An application, and the host and port that it is reached at."""

_log = structlog.get_logger("darkroom.server")


class Server(uvicorn.Server):
    """A listener that leaves signals to `serve`, and sweeps its connections."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_PER_SWEEP == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedHttpProtocol):
                    connection.sweep(now)
        return await super().on_tick(counter)


def run(settings: Settings) -> int:
    """Serve until told to stop; the process's exit status."""
    logs.configure(settings.log_level, settings.log_format)
    metrics = Metrics()

    async def main() -> int:
        engine = LocalEngine(engine_config(settings), observe=metrics.observe)
        status = await serve(settings, engine, metrics, on_ready=_greet)
        if engine.failure is not None:
            _log.error("the model cannot be served", reason=engine.failure)
        return status

    return asyncio.run(main())


def engine_config(settings: Settings) -> EngineConfig:
    """What the settings say of the engine and its worker."""
    worker = WorkerConfig(
        model=locate(settings.model or BUNDLED, settings.data_dir),
        allow_download=settings.allow_download,
        device=settings.device,
        dtype=settings.dtype,
        threads=settings.threads,
        exact=settings.exact,
        compile=settings.compile,
        max_rows=settings.max_rows,
        cache_dir=None if settings.cache_dir is None else str(settings.cache_dir),
        log_level=settings.log_level,
        log_format=settings.log_format,
    )
    return EngineConfig(
        worker=worker,
        max_queued_images=settings.max_queued_images,
        max_queued_s=settings.max_queued_s,
        max_queued_s_per_tenant=settings.max_queued_s_per_tenant,
    )


async def serve(settings: Settings, engine: Engine, metrics: Metrics, *, on_ready: Callable[[str, str], None]) -> int:
    """Start `engine`, answer requests, stop both in order; 0, or 1 where the engine failed, a port is taken or the
    data cannot be used.

    `on_ready` is called once with the model's name and the server's URL. To be run in the main thread: it takes over
    SIGTERM and SIGINT.
    """
    try:
        doors: list[_Door] = [(create_app(settings, engine, metrics), settings.host, settings.port)]
        if settings.admin_port is not None:
            doors.append((create_admin_app(engine, metrics), settings.admin_host, settings.admin_port))
        listeners = [_listen(host, port) for _, host, port in doors]
    except (OSError, ValueError) as error:
        _log.error("cannot start", reason=str(error))
        return 1
    if not is_loopback(settings.host):
        _log.warning("whoever can reach this address can use the server: it has no API keys", host=settings.host)
    servers = [Server(uvicorn_config(app, settings)) for app, _, _ in doors]
    async with _signals() as (stop, hurry):
        await engine.start()
        serving = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(servers, listeners, strict=True)
        ]
        ready = asyncio.create_task(_announce(engine, listeners[0], settings.host, on_ready))
        failed = asyncio.create_task(engine.wait_for_phase(Phase.FAILED))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({failed, stopping, *serving}, return_when=asyncio.FIRST_COMPLETED)
        has_failed = not stop.is_set()
        for task in (ready, failed, stopping):
            task.cancel()
        await _drain(engine, settings.drain_timeout_s, hurry)
        for server in servers:
            server.should_exit = True
        closing = asyncio.gather(*serving)
        if not await _done_before(hurry, closing):
            for server in servers:
                server.force_exit = True
        await closing
    return 1 if has_failed else 0


async def _drain(engine: Engine, timeout_s: float, hurry: asyncio.Event) -> None:
    _log.info("stopping", phase=engine.phase)
    draining = asyncio.create_task(engine.stop(timeout_s))
    if not await _done_before(hurry, draining):
        draining.cancel()
        await engine.stop()
    _log.info("stopped")


async def _done_before(hurry: asyncio.Event, work: asyncio.Future[Any]) -> bool:
    """Wait for either; whether `work` was done."""
    hurried = asyncio.create_task(hurry.wait())
    await asyncio.wait({work, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    return work.done()


@contextlib.asynccontextmanager
async def _signals() -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Events that the first and the second signal set."""
    stop, hurry = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    taken = (signal.SIGTERM, signal.SIGINT)
    for number in taken:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop, hurry
    finally:
        for number in taken:
            loop.remove_signal_handler(number)


async def _announce(engine: Engine, listener: socket.socket, host: str, on_ready: Callable[[str, str], None]) -> None:
    await engine.wait_for_phase(Phase.SERVING)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listener.getsockname()[1]}"
    _log.info("serving", url=url, model=engine.model.name, device=engine.model.device)
    on_ready(engine.model.name, url)


def _greet(model: str, url: str) -> None:
    Console().print(greeting(model, url), highlight=False, soft_wrap=True)


def greeting(model: str, url: str) -> str:
    """What a newcomer reads when the server is ready: where it is, and a line to paste."""
    body = '{"prompt": "a red circle on a white background"}'
    return (
        f"\nDarkroom serves {model} at {url} (Ctrl+C stops it). An image to begin with:\n\n"
        f"  curl -s {url}/v1/images/generations -H 'Content-Type: application/json' -d '{body}' \\\n"
        """    | grep -o '"b64_json":"[^"]*' | cut -d '"' -f 4 | base64 -d > circle.png\n"""
    )


def _listen(host: str, port: int) -> socket.socket:
    """Raises `OSError` saying which address it is about."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise OSError(f"{host}:{port}: {error.strerror}") from error


def uvicorn_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How every listener of ours is run, under the bounds that `settings` draw."""
    limits = EdgeLimits(
        header_timeout_s=settings.header_timeout_s,
        body_timeout_s=settings.body_timeout_s,
        write_timeout_s=settings.write_timeout_s,
        max_connections=settings.max_connections,
    )
    protocol = functools.partial(BoundedHttpProtocol, limits=limits)
    return uvicorn.Config(
        app,
        http=cast(type[asyncio.Protocol], protocol),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_ANSWERS_S,
    )
