"""On a disk that is nearly full, requests that must store something are refused, and all others go on."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from PIL import Image

from tests.service.api.in_process import JOBS, Api, run_in_process

MORE_THAN_ANY_DISK = 1 << 60


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[Api]:
    async with run_in_process(tmp_path, min_free_bytes=MORE_THAN_ANY_DISK) as api:
        yield api


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def image_files(data_dir: Path) -> list[Path]:
    return list(data_dir.glob("images/??/*/*"))


def code(answer: httpx2.Response) -> str:
    body = answer.json()
    return str(body.get("error", body)["code"])


async def test_jobs_uploads_and_stored_images_are_refused_with_the_time_to_try_again(full: Api) -> None:
    answers = [
        await full.create_job(),
        await full.client.post("/api/v1/uploads", files={"image": ("x.png", png(), "image/png")}),
        await full.generate(response_format="url"),
    ]
    assert [(answer.status_code, code(answer)) for answer in answers] == [(503, "storage_full")] * 3
    assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
    assert full.engine.jobs == [], "no image is made that cannot be stored"


async def test_what_stores_nothing_is_served_and_the_server_stays_ready(full: Api) -> None:
    assert (await full.generate()).status_code == 200
    assert (await full.client.get(JOBS)).json()["data"] == []
    assert (await full.client.get("/readyz")).status_code == 200


async def test_jobs_that_are_there_can_be_read_and_deleted(tmp_path: Path) -> None:
    async with run_in_process(tmp_path) as api:
        job = (await api.create_job()).json()
    async with run_in_process(tmp_path, min_free_bytes=MORE_THAN_ANY_DISK) as full:
        assert (await full.client.get(job["images"][0]["url"])).status_code == 200
        assert (await full.client.delete(job["urls"]["self"])).status_code == 204
        assert (await full.client.get(job["urls"]["self"])).status_code == 404
    assert image_files(tmp_path) == []
