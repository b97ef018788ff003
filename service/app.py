"""The application: routes, error shapes and middleware around one engine. Composition only."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI

from service.api import errors, health, models, openai
from service.api.middleware import RequestContext
from service.api.services import Services
from service.engine.interface import Engine
from service.images.encoding import Encoder
from service.metrics import Metrics
from service.settings import Settings


def create_app(settings: Settings, engine: Engine, metrics: Metrics | None = None) -> FastAPI:
    """The engine stays the caller's, to start and to stop."""
    services = Services(
        engine=engine,
        encoder=Encoder(settings.encode_threads),
        metrics=metrics or Metrics(),
        max_body_bytes=settings.max_body_bytes,
        embed_parameters=settings.embed_parameters,
        started_at=int(time.time()),
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        services.encoder.close()

    # FastAPI's pages of documentation load scripts from elsewhere; the schema at /openapi.json stays.
    app = FastAPI(title="Darkroom", docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=lifespan)
    app.state.services = services
    errors.install(app)
    app.add_middleware(RequestContext, metrics=services.metrics)
    for module in (openai, models, health):
        app.include_router(module.router)
    return app
