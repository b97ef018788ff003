"""No dialect, stream or address shows an image that moderation has refused or has not judged."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from service.engine.interface import Phase
from service.moderation.verdict_log import newest
from service.moderation.verdicts import Outcome
from tests.harness.wire.moderation_service import ModerationService, moderating
from tests.service.api.in_process import GENERATIONS, JOBS, Api, run_in_process
from tests.service.api.whole.operations import Operation

pytestmark = pytest.mark.integration

BLOCKED: Final = "content_filtered"
UNAVAILABLE: Final = "moderation_unavailable"


@pytest.fixture
def service() -> Iterator[ModerationService]:
    with moderating() as service:
        yield service


@pytest.fixture
async def api(tmp_path: Path, service: ModerationService) -> AsyncIterator[Api]:
    async with run_in_process(tmp_path, moderation_url=service.url, moderation_timeout_s=60) as api:
        yield api


async def outcomes(api: Api) -> set[Outcome]:
    return {verdict.judgement.outcome for verdict in await newest(api.app.state.services.jobs.database, limit=1000)}


def stored_files(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "images").rglob("*") if path.is_file()]


def assert_refused(operation: Operation, answer: httpx2.Response, code: str, status: int) -> None:
    """A durable job fails with the code; any other answer has the status of the error, in its dialect's shape."""
    if operation.stores:
        assert answer.is_success
        assert "failed" in answer.text
    else:
        assert answer.status_code == status, answer.text
    assert not answer.headers["content-type"].startswith("image/")
    assert "b64_json" not in answer.text
    assert "/images/0" not in answer.text


async def test_a_blocked_prompt_makes_no_image(
    api: Api, operations: list[Operation], service: ModerationService, tmp_path: Path
) -> None:
    for operation in operations:
        prompt: dict[str, Any] = {operation.text: "a forbidden star"}
        answer = await operation.send(**prompt)

        assert_refused(operation, answer, BLOCKED, 400)
        assert "forbidden star" not in answer.text or operation.stores
    assert await outcomes(api) == {Outcome.BLOCKED}
    assert stored_files(tmp_path) == []
    assert service.images_seen == 0


async def test_a_blocked_image_is_not_seen(
    api: Api, operations: list[Operation], service: ModerationService, tmp_path: Path
) -> None:
    service.flags_image = lambda image: True

    for operation in operations:
        assert_refused(operation, await operation.send(), BLOCKED, 400)

    assert await outcomes(api) == {Outcome.ALLOWED, Outcome.BLOCKED}
    assert service.images_seen == len(operations)
    assert stored_files(tmp_path) == []


@pytest.mark.parametrize("answer", [(500, b""), (200, b"<html>"), (200, b'{"results": []}')])
async def test_without_a_judgement_nothing_is_seen(
    api: Api, operations: list[Operation], service: ModerationService, answer: tuple[int, bytes], tmp_path: Path
) -> None:
    api.app.state.services.moderation.patience_s = 0.0
    for operation in operations:
        service.answers = [answer] * 4

        refused = await operation.send()

        assert_refused(operation, refused, UNAVAILABLE, 429 if operation.answers_one_image else 503)
        if not operation.stores:
            assert int(refused.headers["retry-after"]) == 10
    assert await outcomes(api) == {Outcome.UNAVAILABLE}
    assert stored_files(tmp_path) == []


async def test_what_is_allowed_is_seen_in_every_dialect(api: Api, operations: list[Operation]) -> None:
    for operation in operations:
        answer = await operation.send()

        assert answer.is_success
        assert "failed" not in answer.text
    assert await outcomes(api) == {Outcome.ALLOWED}


async def test_a_blocked_image_of_a_job_is_at_no_address(api: Api, service: ModerationService) -> None:
    service.flags_image = lambda image: True
    job = (await api.create_job(previews=2, n=2)).json()
    assert (job["status"], job["error"]["code"]) == ("failed", BLOCKED)

    path = f"{JOBS}/{job['id']}"
    for name in ("images/0", "images/0/thumbnail", "images/1", "images/0.png"):
        assert (await api.client.get(f"{path}/{name}")).status_code == 404
    assert (await api.client.get(f"{path}/preview")).status_code == 404
    events = await api.client.get(f"{path}/events")
    assert "event: preview" not in events.text


async def test_of_several_images_the_allowed_ones_are_kept(api: Api, service: ModerationService) -> None:
    flags = iter([False, True])
    service.flags_image = lambda image: next(flags)

    job = (await api.create_job(n=2)).json()

    assert (job["status"], job["error"]["code"]) == ("failed", BLOCKED)
    (kept,) = [image for image in job["images"] if image["url"]]
    assert (await api.client.get(kept["url"])).status_code == 200


async def test_a_stream_has_no_partial_image_and_ends_with_the_refusal(api: Api, service: ModerationService) -> None:
    service.flags_image = lambda image: True
    body = {"prompt": "x", "stream": True, "partial_images": 2, "num_inference_steps": 4}

    answer = await api.client.post(GENERATIONS, json=body)

    events = [
        json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: {")
    ]
    assert "b64_json" not in answer.text
    assert events[-1]["error"]["code"] == BLOCKED


async def test_where_previews_are_not_shown_the_server_says_so(api: Api) -> None:
    told = (await api.client.get("/api/v1/capabilities")).json()

    assert told["limits"]["max_previews"] == 0
    assert "previews" not in told["features"]


async def test_a_job_tells_who_asked_for_what_was_judged(api: Api) -> None:
    job = (await api.create_job(headers={"X-Test-Tenant": "alice"})).json()
    await api.generate(user="x")

    kept = await newest(api.app.state.services.jobs.database, limit=10)
    askers = {each.asker.tenant: each.asker for each in kept}
    assert askers["alice"].job_id == job["id"]
    assert askers["default"].request_id is not None


async def test_a_job_whose_image_is_judged_while_the_server_stops_is_stored(
    api: Api, service: ModerationService
) -> None:
    judged, engine = threading.Event(), api.app.state.services.engine
    service.flags_image = lambda image: not judged.wait(60)
    job = (await api.client.post(JOBS, json={"prompt": "x", "num_inference_steps": 1})).json()
    while not service.images_seen:  # noqa: ASYNC110 -- the service is in another thread
        await asyncio.sleep(0.01)

    stopping = asyncio.create_task(engine.stop(60.0))
    await api.engine.wait_for_phase(Phase.STOPPED)
    await asyncio.sleep(0.01)
    assert not stopping.done(), "the runner waits for its jobs no longer than a second once the engine has stopped"
    judged.set()
    await stopping

    path = f"{JOBS}/{job['id']}"
    while not (await api.client.get(path)).json()["completed_at"]:  # noqa: ASYNC110 -- only a request tells
        await asyncio.sleep(0.01)
    assert (await api.client.get(path)).json()["status"] == "succeeded"
