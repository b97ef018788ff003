"""A whole database of each released schema is migrated, and its jobs and images are read and run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
from sqlalchemy import URL

from pipelines.params import GenerationParams
from service.auth.identity import DEFAULT_TENANT
from service.engine.types import Priority, Timings
from service.errors import KeyReusedError
from service.jobs.records import ImageSpec, JobFailure, JobPreview, JobProgress, JobRecord, Status, StoredImage
from service.jobs.store.claims import JobClaims
from service.jobs.store.database import Database
from service.jobs.store.idempotency import IdempotencyKey
from service.jobs.store.migrations import migrate
from service.jobs.store.queue.waiting_jobs import WaitingJobs
from service.jobs.store.repository import JobRepository
from service.jobs.store.uploads import UploadRepository
from tests.harness.sample_jobs import CLAIM_POLICY, REPOSITORY_POLICY, make_job
from tests.service.jobs.store.released.released_databases import (
    CANCELED,
    FAILED,
    LINKED,
    NOBODYS,
    NOBODYS_UPLOAD,
    QUEUED,
    RUNNING,
    SCHEMAS,
    SUCCEEDED,
    load_release,
)

AFTER_ALL_LEASES: Final = 1060.0
PARAMS: Final = GenerationParams(
    negative_prompt="",
    prompt="a red circle",
    width=160,
    height=96,
    steps=20,
    guidance_scale=2.5,
    seed=7,
    sampler="dpm++_2m_sde",
)
TIMINGS: Final = Timings(
    queue_s=0.25, encode_s=0.5, denoise_s=1.5, decode_s=0.125, mean_batch_rows=3.5, first_step_s=0.75
)


@pytest.fixture(params=SCHEMAS)
async def released(request: pytest.FixtureRequest, empty_url: URL) -> AsyncIterator[Database]:
    """A database as that release left it, brought up to date."""
    load_release(request.param, empty_url)
    database = Database(empty_url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
async def records(released: Database) -> dict[str, JobRecord]:
    page = await JobRepository(released, REPOSITORY_POLICY, WaitingJobs()).page("alice", limit=9)
    return {record.id: record for record in page}


async def test_every_job_is_listed_with_its_status_and_times(records: dict[str, JobRecord]) -> None:
    assert {
        job_id: (record.status, record.created_at, record.started_at, record.completed_at, record.expires_at)
        for job_id, record in records.items()
    } == {
        SUCCEEDED: (Status.SUCCEEDED, 1000.0, 1010.0, 1020.0, 605820.0),
        FAILED: (Status.FAILED, 1001.0, 1010.0, 1021.0, 605821.0),
        CANCELED: (Status.CANCELED, 1002.0, None, 1022.0, 605822.0),
        RUNNING: (Status.RUNNING, 1003.0, 1010.0, None, None),
        LINKED: (Status.SUCCEEDED, 1004.0, 1004.0, 1004.0, 4604.0),
        QUEUED: (Status.QUEUED, 1005.0, None, None, None),
    }


async def test_every_field_of_a_request_is_read(records: dict[str, JobRecord]) -> None:
    spec = records[QUEUED].spec

    assert spec.model == "darkroom-bundled"
    assert (spec.output_format, spec.output_compression, spec.previews) == ("jpeg", 90, 3)
    assert (spec.priority, spec.deadline_s) == (Priority.INTERACTIVE, 60.0)
    assert spec.images == (
        ImageSpec(
            GenerationParams(
                prompt="ein größerer Kreis",
                negative_prompt="blurry",
                width=160,
                height=96,
                steps=20,
                guidance_scale=2.5,
                seed=2**63 - 1,
                sampler="dpm++_2m_sde",
                schedule="karras",
            ),
            (0, 2),
        ),
    )
    assert records[FAILED].spec.images == (ImageSpec(PARAMS),)


async def test_progress_preview_failure_and_images_are_read(records: dict[str, JobRecord]) -> None:
    assert records[RUNNING].progress == JobProgress(25, 60, 1.5)
    assert records[RUNNING].preview == JobPreview(0, 5, "image/webp", b"preview")
    assert records[FAILED].failure == JobFailure("invalid_value", "No such sampler.", "sampler")
    assert [image.index for image in records[SUCCEEDED].images] == [0, 1]
    assert records[LINKED].images == (
        StoredImage(
            index=0,
            attempt=1,
            version=1,
            media_type="image/webp",
            width=160,
            height=96,
            size_bytes=17,
            sha256="5b" * 32,
            timings=TIMINGS,
        ),
    )


async def test_unfinished_jobs_are_claimed_and_stored_images_are_not_made_again(released: Database) -> None:
    waiting = WaitingJobs()
    claims, repository = JobClaims(released, CLAIM_POLICY, waiting), JobRepository(released, REPOSITORY_POLICY, waiting)
    await repository.refresh_waiting()  # A server does so when it starts.

    taken = await claims.claim("new", now=AFTER_ALL_LEASES, limit=9)

    assert [(claim.job_id, set(claim.done)) for claim in taken] == [(RUNNING, {1}), (QUEUED, set())]


async def test_an_idempotency_key_still_names_its_job(released: Database) -> None:
    repository = JobRepository(released, REPOSITORY_POLICY, WaitingJobs())
    key = IdempotencyKey("key", "a body", lifetime_s=1.0)

    record, replayed = await repository.create(make_job(), now=AFTER_ALL_LEASES, idempotency=key)

    assert (record.id, replayed) == (SUCCEEDED, True)
    with pytest.raises(KeyReusedError):
        await repository.create(make_job(), now=AFTER_ALL_LEASES, idempotency=replace(key, fingerprint="another body"))


async def test_what_was_stored_before_there_were_tenants_is_the_default_ones(empty_url: URL) -> None:
    load_release("schema_0005", empty_url)
    database = Database(empty_url)
    await migrate(database)
    repository, uploads = JobRepository(database, REPOSITORY_POLICY, WaitingJobs()), UploadRepository(database)
    key = IdempotencyKey("key", "a body", lifetime_s=1.0)

    named, replayed = await repository.create(make_job(tenant=DEFAULT_TENANT), now=1060.0, idempotency=key)

    assert (named.id, named.tenant, replayed) == (NOBODYS, DEFAULT_TENANT, True)
    assert [record.id for record in await repository.page(DEFAULT_TENANT, limit=9)] == [NOBODYS]
    assert set(await uploads.find(DEFAULT_TENANT, [NOBODYS_UPLOAD])) == {NOBODYS_UPLOAD}
    assert await uploads.find("", [NOBODYS_UPLOAD]) == {}
    assert await uploads.delete_unused(now=1e9, limit=9) == []  # The job still starts from it.
    assert await repository.delete(NOBODYS, DEFAULT_TENANT)
    assert [name.sha256 for name in await uploads.delete_unused(now=1e9, limit=9)] == [NOBODYS_UPLOAD]
    await database.close()
