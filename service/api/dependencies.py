"""The objects that routes work with, and how a route runs a job on the engine. Knows no dialect."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import structlog
from fastapi import Request

from pipelines.interface import InputPixels
from pipelines.params import GenerationParams, PixelKey
from service.api.generation.inputs import InputReader
from service.api.http.file_body import FileBodies
from service.api.metered_job import MeteredJob
from service.api.retried_requests import RetriedRequests
from service.api.signed_urls import LinkSigner
from service.auth.authenticator import Admission, Authenticator, Refusal, RefusalReason
from service.auth.identity import Identity
from service.auth.quotas import KeyQuotas
from service.engine.interface import NO_INPUTS, Engine, Job, JobOptions, Phase
from service.engine.types import Priority
from service.errors import CanceledError, DarkroomError
from service.images.encoding import Encoder
from service.images.metadata import parameters_text
from service.jobs.service import JobService
from service.jobs.tenants.allowance import Allowance
from service.jobs.tenants.stored_bytes import Excess
from service.moderation.moderation import Moderation
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces
from service.webhooks.service import WebhookService

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """The objects that all routes share. `service.server.app` makes them; routes get them from `services_of`."""

    engine: Engine
    encoder: Encoder
    metrics: Metrics
    max_body_bytes: int
    max_upload_bytes: int
    max_upload_pixels: int
    file_bodies: FileBodies
    inputs: InputReader
    embed_parameters: bool
    jobs: JobService | None
    """None in a process that keeps no jobs, such as `darkroom generate` without a server."""
    links: LinkSigner
    started_at: int
    """When the server started, in Unix seconds."""
    authenticator: Authenticator
    quotas: KeyQuotas
    webhooks: WebhookService | None = None
    """None where `jobs` is None."""
    retried: RetriedRequests = field(default_factory=RetriedRequests)
    traces: Traces = NO_TRACES
    moderation: Moderation | None = None
    """None where nothing is judged."""
    states: dict[type, Any] = field(default_factory=dict)
    """Objects that dialects keep from one request to the next, by their types."""

    @property
    def store_available(self) -> bool:
        """Whether jobs can be stored. True in a process that keeps none."""
        return self.jobs is None or self.jobs.available

    @property
    def shows_previews(self) -> bool:
        """Whether images can be seen while they are made: previews are not judged."""
        return self.moderation is None or not self.moderation.judges_images

    def state(self, kind: type[T]) -> T:
        """Returns the server's one object of this type. The first call makes it."""
        if kind not in self.states:
            self.states[kind] = kind()
        found: T = self.states[kind]
        return found

    @property
    def ready(self) -> bool:
        """Whether jobs are admitted and can be stored. GET /readyz and `darkroom_ready` report this."""
        return self.engine.phase is Phase.SERVING and self.store_available

    async def submit(
        self,
        request: Request,
        images: Sequence[GenerationParams],
        *,
        previews: int = 0,
        priority: Priority = Priority.INTERACTIVE,
        deadline_s: float | None = None,
        inputs: Mapping[PixelKey, InputPixels] = NO_INPUTS,
    ) -> Job:
        """Submits a job to the engine for the request's tenant; waits in line where it is full. Counts refusals.

        Raises what `Engine.submit_in_line` raises, `QuotaExceededError` where the key's quotas forbid it, and
        `CanceledError` where the caller hangs up in line. Call the job's `cancel` in the end, even if it has ended.
        """
        allowance, started_at = self.quotas.job(self.identity(request), stored=False), time.time()
        options: JobOptions = {
            "previews": previews,
            "priority": priority,
            "tenant": self.tenant(request),
            "deadline_s": deadline_s,
            "inputs": inputs,
        }
        admitted: list[Job] = []

        async def enter() -> None:
            admitted.append(await self.engine.submit_in_line(images, **options))

        try:
            self._enter(allowance, request, images)
            await unless_gone(request, enter())
        except BaseException as error:
            for job in admitted:  # The request was canceled as the job was admitted.
                job.cancel()
            allowance.leave(0.0)
            if isinstance(error, DarkroomError):
                outcome = "canceled" if isinstance(error, CanceledError) else "refused"
                self.metrics.job_ended(outcome, error.code)
            raise
        (job,) = admitted
        structlog.contextvars.bind_contextvars(job_id=job.id)
        traced = self.traces.traced(job, images, tenant=self.tenant(request), started_at=started_at)
        return MeteredJob(traced, allowance)

    def _enter(self, allowance: Allowance, request: Request, images: Sequence[GenerationParams]) -> None:
        price_s = self.engine.price_s(images)
        allowance.enter(
            price_s,
            unfinished_jobs=self.unfinished_jobs(self.tenant(request)),
            ends_in_s=self.engine.backlog_s + price_s,
        )

    def unfinished_jobs(self, tenant: str) -> int:
        """Returns the number of the tenant's durable jobs that have not ended, as far as this process knows."""
        return 0 if self.jobs is None else self.jobs.tenants.unfinished.of(tenant)

    async def require_storage(self, request: Request, new_bytes: int = 0) -> None:
        """Reserves storage for the caller's tenant. Raises `QuotaExceededError` where its quota has no room for it."""
        excess = await self.storage_excess(request, new_bytes)
        if excess is not None:
            raise self.quotas.storage_refusal(self.identity(request), excess)

    async def storage_excess(self, request: Request, new_bytes: int) -> Excess | None:
        """Reserves storage for the caller's tenant. Returns None, or why its quota has no room for `new_bytes`."""
        identity = self.identity(request)
        limit_bytes = identity.quotas.max_stored_bytes
        if limit_bytes is None or self.jobs is None:
            return None
        return await self.jobs.tenants.stored.reserve(identity.tenant, new_bytes, limit_bytes=limit_bytes)

    def identity(self, request: Request) -> Identity:
        """Returns the identity that `service.api.access.authentication` has found for the request.

        Raises `UnauthenticatedError` on a route that is open to all, for a request without a key.
        """
        identity: Identity | None = getattr(request.state, "identity", None)
        if identity is None:
            raise Refusal(RefusalReason.MISSING).error()
        return identity

    def tenant(self, request: Request) -> str:
        return self.identity(request).tenant

    def embedded(self, params: GenerationParams, model: str) -> str | None:
        """Returns the parameters to write into an image's file, or None where files hold no parameters."""
        return parameters_text(params, model) if self.embed_parameters else None

    @contextlib.contextmanager
    def running(self, job: Job) -> Iterator[None]:
        """Wraps the code that reads a job. Counts how the job ended, and cancels it where it is left early."""
        try:
            yield
        except BaseException as error:
            self.metrics.job_ended(*_outcome(error))
            raise
        else:
            self.metrics.job_ended("succeeded")
        finally:
            job.cancel()


def _outcome(error: BaseException) -> tuple[str, str]:
    if isinstance(error, CanceledError | asyncio.CancelledError | GeneratorExit):
        return "canceled", CanceledError.code
    return "failed", error.code if isinstance(error, DarkroomError) else DarkroomError.code


def jobs_of(request: Request) -> JobService:
    jobs = services_of(request).jobs
    assert jobs is not None, "routes of jobs are registered only where there is a job store"
    return jobs


def is_session(request: Request) -> bool:
    """Whether the page's session lets the request in."""
    admission: Admission | None = getattr(request.state, "admission", None)
    return admission is not None and admission.is_session


def webhooks_of(request: Request) -> WebhookService:
    webhooks = services_of(request).webhooks
    assert webhooks is not None, "routes of webhooks are registered only where there is a job store"
    return webhooks


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Returns the work's result. Raises `CanceledError` as soon as the caller has hung up, and what the work raises."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise CanceledError("The client has hung up.")
        return working.result()
    finally:
        for task in (working, gone):
            task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
