"""Probes, metrics and the schema, which monitoring and curious clients may read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.engine.interface import Phase
from tests.harness.wire.http_server import Harness, wait_until
from tests.service.api.in_process import Api
from tests.service.serving import Serve


@pytest.mark.parametrize("path", ["/readyz", "/health"])
@pytest.mark.parametrize("phase", Phase)
async def test_readiness_is_the_phase_of_the_engine(api_without_store: Api, path: str, phase: Phase) -> None:
    api_without_store.engine.phase = phase
    answer = await api_without_store.client.get(path)
    ready = phase is Phase.SERVING
    assert answer.status_code == (200 if ready else 503)
    assert answer.json() == {
        "status": "ready" if ready else "not ready",
        "phase": phase,
        "activity": "",
        "store": "available",
    }
    assert (await api_without_store.client.head(path)).status_code == answer.status_code


async def test_a_process_with_a_job_store_is_ready_when_the_store_is(api: Api) -> None:
    ready = {"status": "ready", "phase": "serving", "activity": "", "store": "available"}
    assert (await api.client.get("/readyz")).json() == ready


def test_the_probe_and_the_metric_agree_in_every_phase_and_state_of_the_store(serve: Serve, tmp_path: Path) -> None:
    def told(server: Harness) -> tuple[int, str]:
        metrics = server.client.get(f"{server.admin_url}/metrics").text.splitlines()
        (ready,) = [line for line in metrics if line.startswith("darkroom_ready ")]
        return server.client.get("/readyz").status_code, ready

    ready, unready = (200, "darkroom_ready 1.0"), (503, "darkroom_ready 0.0")
    (tmp_path / "images").write_text("In the way of the images' folder.")
    with serve(data_dir=tmp_path) as server:
        for phase in Phase:
            server.engine.phase = phase
            assert told(server) == (ready if phase is Phase.SERVING else unready)
        server.engine.phase = Phase.SERVING
        assert server.client.post("/api/v1/jobs", json={"prompt": "x"}).status_code == 202
        wait_until(lambda: server.client.get("/readyz").json()["store"] == "unavailable")
        for phase in Phase:
            server.engine.phase = phase
            assert told(server) == unready
        server.engine.phase = Phase.SERVING
        (tmp_path / "images").unlink()
        wait_until(lambda: server.client.get("/readyz").json()["store"] == "available")
        assert told(server) == ready


async def test_liveness_does_not_depend_on_the_engine(api_without_store: Api) -> None:
    api_without_store.engine.phase = Phase.FAILED
    answer = await api_without_store.client.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert (await api_without_store.client.head("/livez")).status_code == 200


def test_a_burst_of_requests_does_not_make_the_server_unready(server: Harness) -> None:
    with ThreadPoolExecutor(64) as callers:
        answers = [callers.submit(server.post, prompt="x", steps=1) for _ in range(1500)]
        probes = [server.client.get("/readyz").status_code]
        while not all(answer.done() for answer in answers):
            probes.append(server.client.get("/readyz").status_code)

    assert set(probes) == {200}
    assert {answer.result().status_code for answer in answers} == {200}


def test_metrics_are_on_the_admin_listener_alone(server: Harness) -> None:
    assert server.client.get("/metrics").status_code == 404
    assert "darkroom_ready 1.0" in server.client.get(f"{server.admin_url}/metrics").text


async def test_metrics_count_jobs_and_requests_by_how_they_ended(api_without_store: Api) -> None:
    def exposition() -> str:
        return api_without_store.metrics.exposition(ready=True, backlog_s=0.0).decode()

    await api_without_store.generate()
    await api_without_store.client.get("/nowhere/cAnArY7")
    lines = exposition().splitlines()
    assert 'darkroom_jobs_total{outcome="succeeded",reason=""} 1.0' in lines
    assert 'darkroom_http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in lines
    assert "cAnArY7" not in exposition()


async def test_the_schema_is_served_and_no_page_that_loads_anything_from_other_hosts(api_without_store: Api) -> None:
    schema = (await api_without_store.client.get("/openapi.json")).json()
    assert {"/v1/images/generations", "/livez"} <= set(schema["paths"])
    assert "default-src 'none'" in (await api_without_store.client.get("/docs")).headers["content-security-policy"]
    assert (await api_without_store.client.get("/redoc")).status_code == 404


async def test_no_origin_is_allowed_to_read_answers(api_without_store: Api) -> None:
    answer = await api_without_store.client.get("/v1/models", headers={"Origin": "https://example.org"})
    assert not [name for name in answer.headers if name.startswith("access-control-")]
