"""Over real connections, a key that floods the server is refused, its work is settled, and no other key notices."""

from __future__ import annotations

import concurrent.futures
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from service.auth.identity import Quotas
from service.jobs.store.database import database_url
from tests.harness.keys import api_key, bearer, insert_keys
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.api.in_process import GENERATIONS, JOBS
from tests.service.serving import serve

PROMPT: Final = {"prompt": "x", "num_inference_steps": 1}
FLOOD: Final = 200
LIMIT: Final = 20


KEYS: Final = (
    api_key("loud", tenant="loud", quotas=Quotas(requests_per_minute=LIMIT, max_jobs=LIMIT)),
    api_key("quiet", tenant="quiet", quotas=Quotas(requests_per_minute=LIMIT, max_jobs=LIMIT)),
    api_key("single", tenant="single", quotas=Quotas(max_jobs=1)),
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Harness]:
    with serve(data_dir=tmp_path) as harness:
        insert_keys(database_url(None, tmp_path), KEYS)
        wait_until(lambda: harness.client.get(JOBS, headers=bearer("single")).headers.get("ratelimit") is not None)
        yield harness


def post(server: Harness, key: str, path: str = JOBS) -> httpx2.Response:
    return server.client.post(path, json=PROMPT, headers=bearer(key))


def test_a_flood_of_one_key_leaves_the_others_unharmed(server: Harness) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        flood = [pool.submit(post, server, "loud", (JOBS, GENERATIONS)[number % 2]) for number in range(FLOOD)]
        quiet = [post(server, "quiet", (JOBS, GENERATIONS)[number % 2]) for number in range(LIMIT)]

    assert Counter(each.status_code for each in quiet) == {202: LIMIT // 2, 200: LIMIT // 2}
    counts = Counter(each.result().status_code for each in flood)
    assert counts.keys() == {200, 202, 429}
    assert LIMIT <= counts[200] + counts[202] < 2 * LIMIT, "those of a minute, and what came back meanwhile"
    assert {each.result().json().get("code", "quota_exceeded") for each in flood if each.result().is_error} <= {
        "quota_exceeded"
    }
    assert all("retry-after" in each.result().headers for each in flood if each.result().is_error)


def test_a_stream_that_its_reader_leaves_counts_no_longer(server: Harness) -> None:
    server.engine.held_before = (0, 1)
    for _ in range(2):
        with server.client.stream(
            "POST", GENERATIONS, json={**PROMPT, "stream": True}, headers=bearer("single")
        ) as read:
            assert read.status_code == 200
            wait_until(lambda: server.engine.running == 1)
            assert post(server, "single").status_code == 429
        wait_until(lambda: server.engine.idle)
        wait_until(lambda: server.client.get(JOBS, headers=bearer("single")).headers["ratelimit"] == '"jobs";r=1')
