"""Puts the application together: dialects, errors and middleware around one engine. Composition only."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route

from service.api.access import key_routes, session_routes
from service.api.access.authentication import Authentication
from service.api.access.open_routes import OPEN_PATHS
from service.api.access.request_quotas import RequestQuotas
from service.api.dependencies import Services
from service.api.dialects.registry import DIALECTS, WEBHOOK_RENDERERS
from service.api.edge.addresses import parse_public_url
from service.api.edge.cross_origin import CrossOrigin
from service.api.edge.forwarded import Forwarded
from service.api.edge.guard import EdgeGuard
from service.api.edge.head_requests import HeadRequests
from service.api.edge.hosts import AllowedHosts, parse_host_names
from service.api.edge.options_requests import OptionsRequests
from service.api.edge.origins import parse_origins
from service.api.edge.path_spellings import PathSpellings
from service.api.edge.proxies import parse_trusted_proxies
from service.api.edge.schema import router as schema_router
from service.api.generation.inputs import InputReader
from service.api.http.errors import ErrorAnswers
from service.api.http.file_body import FileBodies
from service.api.http.middleware import RequestContext
from service.api.http.openapi import DescribedApp
from service.api.signed_urls import LinkSigner
from service.auth.authenticator import Authenticator
from service.auth.identity import Quotas
from service.auth.key_file import KeyFile
from service.auth.key_repository import KeyRepository
from service.auth.key_ring import KeyRing
from service.auth.quotas import KeyQuotas
from service.auth.sessions import SessionSigner
from service.auth.shares import parse_shares
from service.engine.config import BATCH_DEADLINE_FACTOR, INTERACTIVE_DEADLINE_FACTOR
from service.engine.interface import Engine
from service.images.encoding import Encoder
from service.images.inputs.decoder import Decoder, LimitedDecoder
from service.images.inputs.folder import UPLOADS
from service.jobs.background import log_and_continue
from service.jobs.database_password import with_password
from service.jobs.factory import JobsSettings, create_jobs
from service.jobs.service import JobService
from service.jobs.store.database import database_url
from service.link_key import load_link_key
from service.moderation.moderated_engine import ModeratedEngine
from service.moderation.verdict_log import VerdictLog
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces
from service.server.moderation import create_moderation
from service.setting_groups.fields import split
from service.settings import Settings
from service.web.page import page_router
from service.webhooks.sending.targets import parse_allowed_hosts
from service.webhooks.service import WebhookService

_NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""Turns FastAPI's own telemetry off: it would export query strings, which hold signatures, and exception texts."""


def create_app(
    settings: Settings,
    engine: Engine,
    metrics: Metrics | None = None,
    *,
    keeps_jobs: bool = True,
    decoder: Decoder | None = None,
    traces: Traces = NO_TRACES,
    clock_ns: Callable[[], int] = time.monotonic_ns,
) -> FastAPI:
    """Returns the application, for an engine that the caller starts and stops.

    Without `keeps_jobs` there is no job store and no route to it. Uploads are decoded in processes of their own unless
    there is another `decoder`. Quotas are refilled by `clock_ns`.
    """
    services = _services(settings, engine, metrics or Metrics(), keeps_jobs, decoder, traces, clock_ns)
    app = DescribedApp(
        open_paths=OPEN_PATHS,
        title="Darkroom",
        version=version("darkroom-server"),
        openapi_url=None,  # Routes of ours serve it, and a page for people that loads nothing from other hosts.
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=_lifespan,
        telemetry=_NO_TELEMETRY,
    )
    app.state.services = services
    answers = ErrorAnswers(DIALECTS)
    answers.install(app)
    routers = [*DIALECTS.routers(with_job_store=keeps_jobs), schema_router, page_router(shows_jobs=keeps_jobs)]
    if keeps_jobs:
        routers += [session_routes.router, key_routes.router]
    for router in routers:
        app.include_router(router)
    _add_middleware(app, settings, services, answers, routers)
    return app


def _services(
    settings: Settings,
    engine: Engine,
    metrics: Metrics,
    keeps_jobs: bool,
    decoder: Decoder | None,
    traces: Traces,
    clock_ns: Callable[[], int],
) -> Services:
    encoder = Encoder(settings.encode_threads)
    moderation = create_moderation(settings, encoder, metrics)
    if moderation is not None:
        engine = ModeratedEngine(engine, moderation)
    jobs = create_jobs(_jobs_settings(settings), engine, encoder, metrics, traces) if keeps_jobs else None
    if moderation is not None and jobs is not None:
        moderation.verdicts = VerdictLog(jobs.database, keep_s=settings.keep_verdicts_s)
    server_key = load_link_key(settings.data_dir) if keeps_jobs else secrets.token_bytes(32)
    links = LinkSigner(server_key)
    return Services(
        engine=engine,
        encoder=encoder,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        max_upload_pixels=settings.max_upload_pixels,
        file_bodies=FileBodies(settings.max_body_bytes, settings.max_upload_bytes, owner=_tenant),
        inputs=InputReader(
            decoder or LimitedDecoder(settings.max_upload_pixels, processes=settings.decode_processes),
            None if jobs is None else jobs.uploads,
            max_pixels=settings.max_upload_pixels,
            at_a_time=settings.decode_processes,
        ),
        embed_parameters=settings.embed_parameters,
        jobs=jobs,
        authenticator=_authenticator(settings, jobs, server_key),
        webhooks=None if jobs is None else _webhooks(settings, jobs, links, server_key, metrics),
        links=links,
        started_at=int(time.time()),
        quotas=KeyQuotas(metrics.quota_refused, clock_ns),
        traces=traces,
        moderation=moderation,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Runs the services for as long as the application runs."""
    services: Services = app.state.services
    try:
        if services.jobs is not None:
            await services.jobs.start()
        async with contextlib.AsyncExitStack() as running:
            await running.enter_async_context(_keys_kept_up_to_date(services.authenticator))
            if services.webhooks is not None:
                await running.enter_async_context(services.webhooks.running())
            yield
    finally:
        if services.jobs is not None:
            await services.jobs.stop()
        if services.moderation is not None:
            await services.moderation.close()
        services.encoder.close()


def _add_middleware(
    app: FastAPI, settings: Settings, services: Services, answers: ErrorAnswers, routers: Sequence[APIRouter]
) -> None:
    """Adds the middleware from the innermost to the outermost."""
    metrics, origins = services.metrics, parse_origins(settings.cors_origins or "")
    app.add_middleware(RequestQuotas, quotas=services.quotas, unfinished_jobs=services.unfinished_jobs, answers=answers)
    app.add_middleware(Authentication, authenticator=services.authenticator, answers=answers, metrics=metrics)
    app.add_middleware(HeadRequests)
    app.add_middleware(OptionsRequests)
    app.add_middleware(EdgeGuard, hosts=allowed_hosts(settings, settings.host), refuse=answers.answer, origins=origins)
    app.add_middleware(PathSpellings, own_path=DIALECTS.own_path)
    app.add_middleware(
        Forwarded,
        trusted=parse_trusted_proxies(settings.trusted_proxies or ""),
        public=None if settings.public_url is None else parse_public_url(settings.public_url),
        own_names={
            route.path.split("/")[1] for router in routers for route in router.routes if isinstance(route, Route)
        },
    )
    app.add_middleware(RequestContext, answers=answers, metrics=metrics, traces=services.traces)
    app.add_middleware(CrossOrigin, origins=origins)


def _tenant(request: Request) -> str:
    services: Services = request.app.state.services
    return services.tenant(request)


def allowed_hosts(settings: Settings, listens_on: str) -> AllowedHosts:
    """Returns the hosts that requests to a listener may name."""
    public = [] if settings.public_url is None else [parse_public_url(settings.public_url).authority.host]
    return AllowedHosts([*parse_host_names(settings.allowed_hosts or ""), *split(listens_on), *public])


def _authenticator(settings: Settings, jobs: JobService | None, server_key: bytes) -> Authenticator:
    """Returns the authenticator. Raises ValueError where the keys of the key file cannot be used."""
    clock = time.time if jobs is None else jobs.database.clock.now
    file = None if settings.api_key_file is None else KeyFile(settings.api_key_file)
    ring = (
        None
        if jobs is None
        else KeyRing(KeyRepository(jobs.database), file, is_open=lambda: jobs.is_migrated, clock=clock)
    )
    return Authenticator(
        ring,
        SessionSigner(server_key, lifetime_s=settings.session_lifetime_s),
        require_keys=settings.require_keys,
        clock=clock,
        default_quotas=Quotas(
            requests_per_minute=settings.default_requests_per_minute,
            max_jobs=settings.default_max_jobs,
            device_s_per_minute=settings.default_device_s_per_minute,
            max_stored_bytes=settings.default_max_stored_bytes,
        ),
    )


def _webhooks(
    settings: Settings, jobs: JobService, links: LinkSigner, server_key: bytes, metrics: Metrics
) -> WebhookService:
    return WebhookService(
        jobs,
        {name: make(links) for name, make in WEBHOOK_RENDERERS.items()},
        server_key=server_key,
        allowed_hosts=parse_allowed_hosts(settings.webhook_allowed_hosts or ""),
        metrics=metrics,
    )


@contextlib.asynccontextmanager
async def _keys_kept_up_to_date(authenticator: Authenticator) -> AsyncIterator[None]:
    """Reads the keys once, and then repeatedly for the length of the block."""
    if authenticator.ring is None:
        yield
        return
    with log_and_continue("reading the API keys"):
        await authenticator.ring.refresh()
    reading = asyncio.create_task(authenticator.ring.run())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _jobs_settings(settings: Settings) -> JobsSettings:
    return JobsSettings(
        database=with_password(database_url(settings.database_url, settings.data_dir), settings.database_password_file),
        images=settings.data_dir / "images",
        uploads=settings.data_dir / UPLOADS,
        servers=settings.data_dir / "servers",
        checkpoints=settings.data_dir / "checkpoints",
        checkpoint_steps=settings.checkpoint_steps,
        keep_uploads_s=settings.keep_uploads_s,
        keep_s=settings.keep_jobs_s,
        max_image_bytes=settings.max_image_bytes,
        min_free_bytes=settings.min_free_bytes,
        max_queued=settings.max_queued_jobs,
        max_queued_s=settings.max_queued_jobs_s,
        max_streams=settings.max_event_streams,
        max_streams_per_tenant=settings.max_event_streams_per_tenant,
        lease_s=settings.job_lease_s,
        embed_parameters=settings.embed_parameters,
        interactive_deadline_factor=INTERACTIVE_DEADLINE_FACTOR,
        batch_deadline_factor=BATCH_DEADLINE_FACTOR,
        shares=parse_shares(settings.shares or ""),
    )
