"""The job service as a server composes it, over new data, data of an earlier release and a restored backup."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.engine.interface import Phase
from service.images.encoding import Encoder
from service.images.storage import ImageFolder
from service.jobs.factory import JobsSettings, create_jobs
from service.jobs.records import Status
from service.jobs.service import JobService
from service.jobs.store.database import database_url
from service.jobs.upkeep.backup import back_up
from service.observability.metrics import Metrics
from service.observability.tracing.traces import NO_TRACES, Traces
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import KEEP_S, LEASE_S, make_spec
from tests.harness.spans import SpansInMemory, attributes
from tests.service.jobs.store.released.released_databases import SCHEMAS, SUCCEEDED, load_release

FILE = b"an image file"


def settings_for(data_dir: Path) -> JobsSettings:
    return JobsSettings(
        database=database_url(None, data_dir),
        images=data_dir / "images",
        uploads=data_dir / "uploads",
        servers=data_dir / "servers",
        checkpoints=data_dir / "checkpoints",
        checkpoint_steps=0,
        keep_uploads_s=KEEP_S,
        keep_s=KEEP_S,
        max_image_bytes=1 << 30,
        min_free_bytes=0,
        max_queued=100,
        max_queued_s=1000.0,
        max_streams=8,
        max_streams_per_tenant=8,
        lease_s=LEASE_S,
        embed_parameters=True,
        interactive_deadline_factor=3.0,
        batch_deadline_factor=30.0,
        shares={"shop": 3.0},
    )


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, phase: Phase = Phase.SERVING, traces: Traces = NO_TRACES
) -> AsyncIterator[JobService]:
    engine, encoder = FakeEngine(), Encoder(1)
    engine.phase = phase
    jobs = create_jobs(settings_for(data_dir), engine, encoder, Metrics(), traces)
    await jobs.start()
    yield jobs
    await engine.stop()
    await jobs.stop()
    encoder.close()


@pytest.fixture(params=SCHEMAS)
def released_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The data folder of an earlier release, with jobs that have not expired."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    load_release(request.param, database_url(None, data_dir))
    with contextlib.closing(sqlite3.connect(data_dir / "jobs.sqlite3")) as connection, connection:
        connection.execute("UPDATE jobs SET expires_at = ?", (time.time() + KEEP_S,))
    ImageFolder(data_dir / "pictures").put(SUCCEEDED, 1, "image/png", FILE)
    return data_dir


async def read_image(jobs: JobService) -> bytes:
    """Reads the image that the earlier release has stored."""
    return await jobs.images.read(SUCCEEDED, await jobs.images.find(SUCCEEDED, 1, "alice"))


async def test_a_submitted_job_is_made_and_its_image_can_be_read(tmp_path: Path) -> None:
    async with running(tmp_path) as jobs:
        view, _ = await jobs.submit(make_spec(), tenant="alice")
        view = await jobs.wait(view.record.id, "alice", timeout_s=60)
        (stored,) = view.record.images
        file = await jobs.images.read(view.record.id, stored)

    assert view.record.status is Status.SUCCEEDED
    assert len(file) == stored.size_bytes


async def test_waiting_jobs_are_ordered_by_the_weights_of_their_tenants(tmp_path: Path) -> None:
    async with running(tmp_path, Phase.LOADING) as jobs:
        places = dict[str, int | None]()
        for number, tenant in enumerate(["lab", "lab", "shop", "shop"]):
            view, _ = await jobs.submit(make_spec(), tenant=tenant)
            places[f"{tenant} {number}"] = view.queue_position

    assert places == {"lab 0": 0, "lab 1": 1, "shop 2": 1, "shop 3": 2}, "both of the shop's before the lab's second"


async def test_jobs_and_images_of_an_earlier_release_can_be_read(released_dir: Path) -> None:
    async with running(released_dir) as jobs:
        file = await read_image(jobs)

    assert file == FILE


async def test_servers_that_start_together_over_data_of_an_earlier_release_both_serve_it(released_dir: Path) -> None:
    async with running(released_dir) as one, running(released_dir) as other:
        files = [await read_image(jobs) for jobs in (one, other)]

    assert files == [FILE, FILE]


async def test_a_backup_of_an_earlier_release_can_be_restored(released_dir: Path, tmp_path: Path) -> None:
    settings = settings_for(released_dir)
    back_up(settings.database, settings.images, tmp_path / "copy")

    async with running(tmp_path / "copy") as jobs:
        file = await read_image(jobs)

    assert file == FILE


async def test_a_job_that_ends_while_it_waits_has_a_span(tmp_path: Path) -> None:
    spans = SpansInMemory()
    async with running(tmp_path, Phase.LOADING, spans.traces) as jobs:
        canceled, deleted = [(await jobs.submit(make_spec(), tenant="alice"))[0].record.id for _ in range(2)]
        await jobs.cancel(canceled, "alice")
        await jobs.delete(deleted, "alice")

    assert [attributes(span)["darkroom.job.id"] for span in spans.named("job")] == [canceled, deleted]
