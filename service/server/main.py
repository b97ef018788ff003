"""Runs the process of `darkroom serve`: opens its sockets, starts the engine, serves, and ends in order.

At the first SIGTERM, SIGINT or SIGHUP the server becomes unready, finishes accepted work and exits with 0. At the
second it stops at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from pipelines.errors import ManifestError
from service.api.admin import create_admin_app
from service.api.dependencies import Services
from service.auth.shares import parse_shares
from service.catalog import BUNDLED, find_models, find_models_in
from service.engine import devices
from service.engine.config import EngineConfig, ModelSource, WorkerConfig
from service.engine.frontend.local_engine import LocalEngine
from service.engine.interface import Engine, Phase
from service.engine.limits import warm_up_s
from service.errors import StoreUnavailableError
from service.jobs.store.migrations import UnusableStoreError
from service.model_manifest import read_manifest
from service.observability import logs
from service.observability.edge_metrics import ListenerName
from service.observability.metrics import Metrics
from service.observability.tracing.opening import TracesError, open_traces
from service.observability.tracing.traces import NO_TRACES, Traces
from service.server.addresses import listening, listening_at
from service.server.app import allowed_hosts, create_app
from service.server.exposure import NO_KEYS_IN_PUBLIC, is_exposed
from service.server.greeting import announce, greet, shown_url
from service.server.listeners import (
    ADMIN_CONNECTIONS,
    ADMIN_RESERVE,
    RESERVE,
    Server,
    last_answers_s,
    uvicorn_config,
)
from service.server.loop_errors import LoopErrors
from service.server.model_list import ListedModel, ModelListError, listed_models
from service.server.process.descriptors import affordable, raise_limit
from service.server.process.memory import freeze_lasting_objects, share_heaps, trim_heaps
from service.setting_groups.fields import aliases_of, split
from service.settings import Settings


class _Listener(NamedTuple):
    name: ListenerName
    app: ASGIApp
    sockets: list[socket.socket]


_log = structlog.get_logger("darkroom.server")


def run(settings: Settings) -> int:
    """Serves until told to stop. Returns the process's exit status."""
    logs.configure(settings.log_level, settings.log_format)
    metrics = Metrics()
    if settings.config is not None:
        _log.info("settings are read from a file too", file=str(settings.config))

    with contextlib.ExitStack() as opened:
        try:
            config = engine_config(settings)
            traces = opened.enter_context(open_traces(settings.tracing, metrics))
        except (ManifestError, ModelListError, TracesError) as error:
            _log.error("cannot start", reason=str(error))
            return 1
        return asyncio.run(_run(settings, config, metrics, traces))


async def _run(settings: Settings, config: EngineConfig, metrics: Metrics, traces: Traces) -> int:
    # Most starts are quick. Whoever waits for a slow one is told how long it takes.
    _log.info("starting", activity="loading the model", then_measures_for_s=warm_up_s(config.worker))
    engine = LocalEngine(config, observe=metrics.observe)
    status = await serve(settings, engine, metrics, on_ready=greet, traces=traces)
    if engine.failure is not None:
        _log.error("the model cannot be served", reason=engine.failure)
    return status


def engine_config(settings: Settings) -> EngineConfig:
    """Returns the configuration of the engine and its workers. A setting with the name of a field fills that field.

    Raises `ModelListError` and `ManifestError`.
    """
    listed = () if settings.devices is None else devices.listed_devices(settings.devices)
    default, *others = models_of(settings)
    chosen = {
        **settings.model_dump(),
        "devices": listed,
        "threads": settings.threads or devices.threads_of_each(listed),
        "model": default.source,
        "model_name": default.name,
        "models": tuple(ModelSource(*model) for model in others),
        "shares": parse_shares(settings.shares or ""),
        "model_aliases": tuple(aliases_of(settings.model_aliases).items()),
        "model_manifest": _checked_manifest(settings.model_manifest),
        "cache_dir": None if settings.cache_dir is None else str(settings.cache_dir),
    }
    worker = WorkerConfig(**{name: chosen[name] for name in WorkerConfig.__struct_fields__ if name in chosen})
    names = [field.name for field in dataclasses.fields(EngineConfig) if field.name in chosen]
    return EngineConfig(worker=worker, **{name: chosen[name] for name in names})


def _checked_manifest(path: Path | None) -> str | None:
    """Returns the absolute path of a manifest that can be read. The workers read it again."""
    return None if path is None else str(read_manifest(path).path.absolute())


def models_of(settings: Settings) -> list[ListedModel]:
    """Returns the models of the settings, the default one first."""
    known = find_models(settings.data_dir)
    text = ",".join(part for part in (settings.model, settings.models) if part) or BUNDLED
    return listed_models(text, known, find_models_in)


async def serve(
    settings: Settings,
    engine: Engine,
    metrics: Metrics,
    *,
    on_ready: Callable[[str, str], None],
    traces: Traces = NO_TRACES,
) -> int:
    """Starts `engine`, answers requests, stops both in order.

    Returns 0, or 1 where the engine failed, a port is taken or the data folder cannot be used.

    `on_ready` is called once with the model's name and the server's URL. Runs in the main thread, since it takes
    over these signals.
    """
    share_heaps()
    asyncio.get_running_loop().set_exception_handler(LoopErrors())
    settings = _with_affordable_connections(settings)
    with contextlib.ExitStack() as opened:
        try:
            app = create_app(settings, engine, metrics, traces=traces)
            # uvicorn leaves a socket open where the application cannot start.
            listeners = [_Listener("api", app, opened.enter_context(_api_sockets(settings)))]
            if settings.admin_port is not None:
                admin = create_admin_app(app.state.services, allowed_hosts(settings, settings.admin_host))
                sockets = opened.enter_context(listening(split(settings.admin_host), settings.admin_port))
                listeners.append(_Listener("admin", admin, sockets))
            await _check_store(app)
            if is_exposed(listeners[0].sockets):
                await _check_keys(app.state.services, settings)
            if any(is_exposed(listener.sockets) for listener in listeners[1:]):
                _log.warning("everybody who can reach this address can change models", admin_host=settings.admin_host)
        except (OSError, ValueError, UnusableStoreError) as error:
            _log.error("cannot start", reason=str(error))
            return 1
        return await _serve_until_stopped(settings, app.state.services.engine, metrics, listeners, on_ready)


@contextlib.contextmanager
def _api_sockets(settings: Settings) -> Iterator[list[socket.socket]]:
    """Yields the API's listening sockets. Raises `OSError`, naming the address or the path."""
    if settings.uds is None:
        with listening(split(settings.host), settings.port) as sockets:
            yield sockets
    else:
        with listening_at(settings.uds, int(settings.uds_mode, base=8)) as bound:
            yield [bound]


def _with_affordable_connections(settings: Settings) -> Settings:
    limit = raise_limit()
    most = affordable(settings.max_connections, limit, beside=RESERVE + ADMIN_CONNECTIONS + ADMIN_RESERVE)
    if most < settings.max_connections:
        _log.warning(
            "fewer connections than configured: the limit on open files allows no more (ulimit -n)",
            open_files=limit,
            max_connections=most,
            configured=settings.max_connections,
        )
    return settings.model_copy(update={"max_connections": most})


async def _serve_until_stopped(
    settings: Settings,
    engine: Engine,
    metrics: Metrics,
    listeners: Sequence[_Listener],
    on_ready: Callable[[str, str], None],
) -> int:
    """Answers requests until a signal or a failed engine, and then stops both in order. Returns the exit status."""

    def settle(model: str, url: str) -> None:
        freeze_lasting_objects()
        on_ready(model, url)

    servers = [Server(uvicorn_config(each.app, settings, metrics, each.name)) for each in listeners]
    async with _signals() as (stop, second_signal):
        await engine.start()
        serving = [
            asyncio.create_task(server.serve(sockets=each.sockets))
            for server, each in zip(servers, listeners, strict=True)
        ]
        ready = asyncio.create_task(announce(engine, shown_url(listeners[0].sockets[0]), settle))
        failed = asyncio.create_task(engine.wait_for_phase(Phase.FAILED))
        stopping = asyncio.create_task(stop.wait())
        trimming = asyncio.create_task(trim_heaps())
        await asyncio.wait({failed, stopping, *serving}, return_when=asyncio.FIRST_COMPLETED)
        has_failed = not stop.is_set()
        for task in (ready, failed, stopping, trimming):
            task.cancel()
        left_s = await _drain(engine, settings.drain_timeout_s, second_signal)
        for server in servers:
            server.config.timeout_graceful_shutdown = last_answers_s(left_s)
            server.should_exit = True
        closing = asyncio.gather(*serving)
        if not await _done_before(second_signal, closing):
            for server in servers:
                server.force_exit = True
        await closing
    return 1 if has_failed else 0


async def _check_store(app: FastAPI) -> None:
    """Migrates the job store if it can be reached. Raises `UnusableStoreError`."""
    services: Services = app.state.services
    if services.jobs is not None:
        await services.jobs.check()


async def _check_keys(services: Services, settings: Settings) -> None:
    """Makes a server that others can reach require keys. Raises ValueError where it has none.

    A store that cannot be reached yet may hold keys. Until that is known, nobody is let in.
    """
    authenticator = services.authenticator
    authenticator.require_keys()
    with contextlib.suppress(StoreUnavailableError):
        if authenticator.ring is not None:
            await authenticator.ring.refresh()
    if not authenticator.keys_required:
        _log.warning("everybody who can reach this address can use the server", host=settings.host)
    elif authenticator.lacks_keys and settings.require_keys is None:
        raise ValueError(NO_KEYS_IN_PUBLIC)
    elif authenticator.lacks_keys:
        _log.warning("nobody can use the server yet: make a key with `darkroom keys create`", host=settings.host)


async def _drain(engine: Engine, timeout_s: float, second_signal: asyncio.Event) -> float:
    """Stops the engine. Returns how many of the `timeout_s` seconds are left."""
    end_s = asyncio.get_running_loop().time() + timeout_s
    _log.info("stopping", phase=engine.phase, waits_for_s=timeout_s, unfinished_s=round(engine.backlog_s))
    draining = asyncio.create_task(engine.stop(timeout_s))
    if not await _done_before(second_signal, draining):
        draining.cancel()
        await engine.stop()
    _log.info("stopped")
    return max(0.0, end_s - asyncio.get_running_loop().time())


async def _done_before(second_signal: asyncio.Event, work: asyncio.Future[Any]) -> bool:
    """Waits until `work` is done or the second signal comes. Returns whether `work` is done."""
    hurried = asyncio.create_task(second_signal.wait())
    await asyncio.wait({work, hurried}, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    return work.done()


@contextlib.asynccontextmanager
async def _signals() -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    """Yields two events: the first signal sets one, the second signal the other."""
    stop, second_signal = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (second_signal if stop.is_set() else stop).set()

    loop = asyncio.get_running_loop()
    # SIGHUP comes when the terminal is closed, and is ignored where nohup has started the server.
    hang_up = [] if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [signal.SIGHUP]
    numbers = (signal.SIGTERM, signal.SIGINT, *hang_up)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        yield stop, second_signal
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
