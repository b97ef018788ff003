"""Puts the application together: dialects, errors and middleware around one engine. Composition only."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI

from service.api.access.request_quotas import RequestQuotas
from service.api.dependencies import Services
from service.api.dialects.registry import DIALECTS
from service.api.generation.inputs import InputReader
from service.api.http.errors import ErrorAnswers
from service.api.http.file_body import FileBodies
from service.api.http.middleware import RequestContext
from service.api.http.openapi import DescribedApp
from service.api.signed_urls import LinkSigner
from service.auth.quotas import KeyQuotas
from service.engine.config import BATCH_DEADLINE_FACTOR, INTERACTIVE_DEADLINE_FACTOR
from service.engine.interface import Engine
from service.images.encoding import Encoder
from service.images.inputs.decoder import Decoder, LimitedDecoder
from service.images.inputs.folder import UPLOADS
from service.jobs.database_password import with_password
from service.jobs.factory import JobsSettings, create_jobs
from service.jobs.store.database import database_url
from service.link_key import load_link_key
from service.observability.metrics import Metrics
from service.settings import Settings
from service.web.page import page_router


def create_app(
    settings: Settings,
    engine: Engine,
    metrics: Metrics | None = None,
    *,
    keeps_jobs: bool = True,
    decoder: Decoder | None = None,
) -> FastAPI:
    """The caller starts and stops the engine. Without `keeps_jobs` there is no job store and no route to it.

    Uploads are decoded in processes of their own unless there is another `decoder`.
    """
    encoder, metrics = Encoder(settings.encode_threads), metrics or Metrics()
    jobs = create_jobs(_jobs_settings(settings), engine, encoder, metrics) if keeps_jobs else None
    services = Services(
        engine=engine,
        encoder=encoder,
        metrics=metrics,
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.max_upload_bytes,
        max_upload_pixels=settings.max_upload_pixels,
        file_bodies=FileBodies(settings.max_body_bytes, settings.max_upload_bytes),
        inputs=InputReader(
            decoder or LimitedDecoder(settings.max_upload_pixels, processes=settings.decode_processes),
            None if jobs is None else jobs.uploads,
        ),
        embed_parameters=settings.embed_parameters,
        jobs=jobs,
        links=LinkSigner(load_link_key(settings.data_dir) if keeps_jobs else secrets.token_bytes(32)),
        public_url=settings.public_url,
        started_at=int(time.time()),
        quotas=KeyQuotas(metrics.quota_refused),
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            if jobs is not None:
                await jobs.start()
            yield
        finally:
            if jobs is not None:
                await jobs.stop()
            encoder.close()

    app = DescribedApp(
        title="Darkroom",
        version=version("darkroom-server"),
        docs_url=None,  # FastAPI's documentation pages load scripts from other hosts; /openapi.json stays.
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.services = services
    answers = ErrorAnswers(DIALECTS)
    answers.install(app)
    app.add_middleware(RequestQuotas, quotas=services.quotas, unfinished_jobs=services.unfinished_jobs, answers=answers)
    app.add_middleware(RequestContext, answers=answers, metrics=services.metrics)
    for router in DIALECTS.routers(with_job_store=keeps_jobs):
        app.include_router(router)
    if keeps_jobs:
        app.include_router(page_router())
    return app


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
    )
