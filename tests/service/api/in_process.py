"""The application in the test's own event loop, on the fake engine: requests reach it without a socket."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import httpx2
from fastapi import FastAPI, Request

from service.api.dependencies import Services
from service.images.inputs.decoder import Decoder, DirectDecoder
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine

JOBS: Final = "/api/v1/jobs"
GENERATIONS: Final = "/v1/images/generations"
HOST: Final = "server.test"
TENANT: Final = "X-Test-Tenant"


class TenantServices(Services):
    """Services that read the tenant from a header where there is one."""

    __slots__ = ()

    def tenant(self, request: Request) -> str:
        return request.headers.get(TENANT) or super().tenant(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    app: FastAPI
    engine: FakeEngine
    metrics: Metrics
    client: httpx2.AsyncClient

    async def generate(self, **body: object) -> httpx2.Response:
        """POST /v1/images/generations, with one step unless told otherwise."""
        return await self.client.post(GENERATIONS, json={"prompt": "x", "num_inference_steps": 1, **body})

    async def create_job(self, *, headers: dict[str, str] | None = None, **body: object) -> httpx2.Response:
        """POST /api/v1/jobs, with one step unless told otherwise. It answers when the job has ended."""
        return await self.client.post(
            JOBS,
            json={"prompt": "x", "num_inference_steps": 1, **body},
            headers={"Prefer": "wait=60", **(headers or {})},
        )

    @property
    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The OpenAPI operations by method and path."""
        return {
            (method.upper(), path): operation
            for path, operations in self.app.openapi()["paths"].items()
            for method, operation in operations.items()
        }


@contextlib.asynccontextmanager
async def run_in_process(
    data_dir: Path,
    *,
    keeps_jobs: bool = True,
    traces: Traces = NO_TRACES,
    decoder: Decoder | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    **settings: Any,
) -> AsyncIterator[Api]:
    """Runs the application. Other keywords are settings; the tenant of a request is its header `TENANT`."""
    engine, metrics = FakeEngine(), Metrics()
    given = Settings(data_dir=data_dir, **{"allowed_hosts": HOST, **settings})
    app = create_app(
        given,
        engine,
        metrics,
        keeps_jobs=keeps_jobs,
        decoder=decoder or DirectDecoder(given.max_upload_pixels),
        traces=traces,
        clock_ns=clock_ns,
    )
    services = app.state.services
    app.state.services = TenantServices(**{field.name: getattr(services, field.name) for field in fields(services)})
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client,
    ):
        yield Api(app=app, engine=engine, metrics=metrics, client=client)
