"""Services count how jobs end, make links, and notice callers that hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from fastapi import FastAPI, Request
from starlette.types import Message

from pipelines.fake import INFO
from pipelines.params import GenerationParams
from service.api.dependencies import Services, jobs_of, services_of, unless_gone
from service.api.generation.inputs import InputReader
from service.api.http.file_body import FileBodies
from service.api.signed_urls import LinkSigner
from service.auth.identity import Identity, Role
from service.auth.quotas import KeyQuotas
from service.engine.types import Priority
from service.errors import CanceledError, OutOfMemoryError, QueueFullError
from service.images.encoding import Encoder
from service.images.inputs.decoder import DirectDecoder
from service.observability.metrics import Metrics
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.keys import open_to_all

PARAMS: Final = GenerationParams(
    prompt="a red circle", width=128, height=128, steps=1, guidance_scale=1.0, seed=7, sampler="ddim"
)

ALICE: Final = Identity(tenant="alice", role=Role.USER)


@pytest.fixture
def encoder() -> Iterator[Encoder]:
    encoder = Encoder(1)
    yield encoder
    encoder.close()


def make_services(encoder: Encoder, *, embed_parameters: bool = True) -> Services:
    return Services(
        engine=FakeEngine(),
        encoder=encoder,
        metrics=Metrics(),
        max_body_bytes=1024,
        max_upload_bytes=1024,
        max_upload_pixels=1024,
        file_bodies=FileBodies(1024, 1024, owner=lambda request: ""),
        inputs=InputReader(DirectDecoder(1024), None, max_pixels=1024, at_a_time=1),
        embed_parameters=embed_parameters,
        jobs=None,
        links=LinkSigner(b"key"),
        quotas=KeyQuotas(),
        started_at=0,
        authenticator=open_to_all(),
    )


@pytest.fixture
def services(encoder: Encoder) -> Services:
    return make_services(encoder)


def request(*, gone: bool = False, services: Services | None = None) -> Request:
    async def receive() -> Message:
        if not gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    app = FastAPI()
    app.state.services = services
    headers = [(b"host", b"server.test:8000")]
    scope = {"type": "http", "scheme": "http", "path": "/x", "query_string": b"", "headers": headers, "app": app}
    return Request({**scope, "state": {"identity": ALICE}}, receive)


def outcomes(services: Services) -> list[str]:
    lines = services.metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()
    return [line for line in lines if line.startswith("darkroom_jobs_total{")]


async def test_a_job_is_submitted_for_the_tenant_of_the_request(services: Services) -> None:
    job = await services.submit(request(), [PARAMS], previews=1, priority=Priority.BATCH, deadline_s=2.5)
    assert isinstance(services.engine, FakeEngine)
    (submitted,) = services.engine.jobs
    assert submitted.id == job.id
    assert (submitted.images, submitted.previews, submitted.tenant) == ([PARAMS], 1, "alice")
    assert (submitted.priority, submitted.deadline_s) == (Priority.BATCH, 2.5)


async def test_a_refusal_is_counted_and_raised(services: Services) -> None:
    assert isinstance(services.engine, FakeEngine)
    services.engine.refusals = [QueueFullError("Full.", retry_after_s=1)]
    with pytest.raises(QueueFullError):
        await services.submit(request(), [PARAMS])
    assert outcomes(services) == ['darkroom_jobs_total{outcome="refused",reason="queue_full"} 1.0']


async def test_a_caller_that_hangs_up_in_line_leaves_it_and_is_counted_as_canceled(services: Services) -> None:
    assert isinstance(services.engine, FakeEngine)
    services.engine.bound(max_queued_images=1)
    services.engine.held_before = (0, 1)
    held = services.engine.submit([PARAMS], tenant=ALICE.tenant)
    with pytest.raises(CanceledError):
        await services.submit(request(gone=True), [PARAMS])
    await asyncio.sleep(0)
    held.cancel()
    assert services.engine.jobs == [held]
    assert outcomes(services) == ['darkroom_jobs_total{outcome="canceled",reason="canceled"} 1.0']


async def test_a_job_that_is_admitted_as_its_request_is_canceled_does_not_run_on(services: Services) -> None:
    assert isinstance(services.engine, FakeEngine)
    submitting = asyncio.ensure_future(services.submit(request(), [PARAMS]))
    while not services.engine.jobs:  # noqa: ASYNC110 -- it is to be canceled in just this turn of the loop
        await asyncio.sleep(0)
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    assert services.engine.jobs[0].canceled


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (None, "succeeded", ""),
        (OutOfMemoryError("Too large."), "failed", "out_of_memory"),
        (RuntimeError(), "failed", "internal_error"),
        (CanceledError("Gone."), "canceled", "canceled"),
        (asyncio.CancelledError(), "canceled", "canceled"),
        (GeneratorExit(), "canceled", "canceled"),
    ],
    ids=repr,
)
async def test_a_job_that_is_read_is_counted_by_its_end_and_canceled_if_it_still_runs(
    services: Services, error: BaseException | None, outcome: str, reason: str
) -> None:
    assert isinstance(services.engine, FakeEngine)
    services.engine.held_before = (0, 1)
    job = await services.submit(request(), [PARAMS])

    def read() -> None:
        with services.running(job):
            if error is not None:
                raise error

    if error is None:
        read()
    else:
        with pytest.raises(type(error)):
            read()
    assert outcomes(services) == [f'darkroom_jobs_total{{outcome="{outcome}",reason="{reason}"}} 1.0']
    with pytest.raises(CanceledError):
        await job.result()


def test_parameters_are_embedded_only_where_the_settings_say_so(encoder: Encoder) -> None:
    assert "a red circle" in (make_services(encoder).embedded(PARAMS, INFO.name) or "")
    assert make_services(encoder, embed_parameters=False).embedded(PARAMS, INFO.name) is None


def test_what_a_dialect_keeps_is_the_same_object_at_every_request(services: Services) -> None:
    assert services.state(list) is services.state(list)
    assert services.state(dict) == {}


def test_routes_find_the_services_of_their_application(services: Services) -> None:
    assert services_of(request(services=services)) is services
    with pytest.raises(AssertionError, match="job"):
        jobs_of(request(services=services))


async def test_work_is_done_while_its_caller_stays() -> None:
    async def work() -> str:
        return "done"

    assert await unless_gone(request(), work()) == "done"


async def test_an_error_of_the_work_comes_through() -> None:
    async def work() -> None:
        raise OutOfMemoryError("Too large.")

    with pytest.raises(OutOfMemoryError):
        await unless_gone(request(), work())


async def test_work_whose_caller_hangs_up_is_canceled() -> None:
    canceled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()

    with pytest.raises(CanceledError):
        await unless_gone(request(gone=True), work())
    await canceled.wait()
