"""The services side by side: PostgreSQL, Darkroom, Prometheus and Caddy, with the files of deploy/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.deploy.files import panels
from tests.e2e.processes import descendants
from tests.e2e.stack import Files, Front, Server, caddy, darkroom, postgres, prometheus
from tests.harness.programs.running import wait_until

PROMPT = "a blue star on a white background"


@dataclass(frozen=True, slots=True)
class Stack:
    files: Files
    server: Server
    metrics: str
    front: Front
    outside: httpx2.Client
    """A caller who reaches Caddy."""

    def query(self, expression: str) -> list[dict[str, Any]]:
        answer = httpx2.get(f"{self.metrics}/api/v1/query", params={"query": expression})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    files = Files.set_up(folder / "deploy")
    with postgres(files) as port:
        database = {
            "DARKROOM_DATABASE_URL": f"postgresql://darkroom@127.0.0.1:{port}/darkroom",
            "DARKROOM_DATABASE_PASSWORD_FILE": str(files.secret("database_password")),
        }
        with (
            darkroom(files, folder / "data", folder / "log", **database) as server,
            prometheus(files, server, folder / "prometheus") as metrics,
            caddy(files, server, folder / "caddy") as front,
            files.client(front.url, verify=front.trust) as outside,
        ):
            yield Stack(files, server, metrics, front, outside)


def test_an_image_comes_through_the_front(stack: Stack) -> None:
    answer = stack.outside.post(
        "/v1/images/generations", json={"prompt": PROMPT, "seed": 1}, headers={"Accept": "image/png"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["Strict-Transport-Security"]
    assert "Caddy" not in answer.headers.get("Server", "")


def test_nobody_comes_through_the_front_without_the_key(stack: Stack) -> None:
    with httpx2.Client(base_url=stack.front.url, verify=stack.front.trust) as stranger:
        assert stranger.get("/api/v1/jobs").status_code == 401


def test_a_durable_job_goes_through_the_database_and_its_events_come_one_by_one(stack: Stack) -> None:
    job = stack.outside.post("/api/v1/jobs", json={"prompt": PROMPT, "seed": 2}).json()
    with stack.outside.stream("GET", f"/api/v1/jobs/{job['id']}/events") as events:
        names = [line for line in events.iter_lines() if line.startswith("event: ")]
    assert stack.outside.get(f"/api/v1/jobs/{job['id']}").json()["status"] == "succeeded"
    assert len(names) > 1
    assert stack.outside.get(f"/api/v1/jobs/{job['id']}/images/0").headers["Content-Type"] == "image/png"


def test_the_admin_listener_is_not_behind_the_front(stack: Stack) -> None:
    assert stack.outside.get("/metrics").status_code in {401, 404}


def test_prometheus_scrapes_the_server_and_every_rule_can_be_evaluated(stack: Stack) -> None:
    wait_until(lambda: bool(stack.query('up{job="darkroom"} == 1')), "the first scrape")
    assert stack.query("darkroom_ready")[0]["value"][1] == "1"
    (group,) = httpx2.get(f"{stack.metrics}/api/v1/rules").json()["data"]["groups"]
    wait_until(lambda: bool(stack.query("ALERTS_FOR_STATE or vector(1)")), "an evaluation")
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    assert not stack.query('ALERTS{alertstate="firing"}')


def test_every_panel_of_the_dashboard_has_a_query_that_prometheus_answers(stack: Stack) -> None:
    wait_until(lambda: bool(stack.query("darkroom_images_total >= 1")), "the first images")
    wait_until(lambda: bool(stack.query("count_over_time(up[1m]) > 3")), "some scrapes")
    empty = [
        target["expr"]
        for panel in panels()
        for target in panel["targets"]
        if not stack.query(target["expr"].replace("$__rate_interval", "1m"))
    ]
    # What has not happened has no series of its labels yet: failures, deletions, loads of models.
    rare = ("failed", "deleted", "errors", "loads", "load_seconds", "refusals", "input_seconds")
    assert [expression for expression in empty if not any(word in expression for word in rare)] == []


def test_no_process_of_the_server_has_a_secret_in_its_environment_or_its_arguments(stack: Stack) -> None:
    pids = list(descendants(stack.server.pid))
    assert len(pids) >= 2, "server and worker"
    secrets = [path.read_bytes().strip() for path in (stack.files.folder / "secrets").iterdir()]
    assert len(secrets) == 3
    for pid in pids:
        told = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
        assert not any(secret in told for secret in secrets)
