"""The events of a job as lines of JSON. `tests/client/cli/commands/test_jobs.py` has those that a user reads."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from darkroom import Darkroom
from darkroom.cli.terminal.job_events import event_line
from tests.client import answers

EVENTS: dict[str, dict[str, Any]] = {
    "status": {"status": "running"},
    "progress": {"step": 1, "steps": 4, "fraction": 0.25},
    "image": answers.image_record(),
    "preview": {"index": 0, "step": 1, "mime": "image/png", "b64": answers.b64_png()},
    "failed": {"code": "out_of_memory", "message": "Too large."},
    "done": answers.job_record("failed"),
}


def lines(*kinds: str) -> list[dict[str, Any]]:
    """Return what is printed for a stream of events of these kinds."""
    text = "".join(answers.job_event(number, kind, **EVENTS[kind]) for number, kind in enumerate(kinds))

    def answer(request: httpx2.Request) -> httpx2.Response:
        return answers.stream(text) if request.url.path.endswith("/events") else answers.job()

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        job = Darkroom(http_client=http, max_retries=0).jobs.get("job_1")
        return [json.loads(event_line(event)) for event in job.events()]


def test_each_kind_of_event_names_its_type() -> None:
    assert [line["type"] for line in lines(*EVENTS)] == list(EVENTS)


@pytest.mark.parametrize("kind", ["status", "progress", "image", "failed"])
def test_an_event_has_the_fields_that_the_server_sent(kind: str) -> None:
    line = next(line for line in lines(kind, "done") if line["type"] == kind)
    assert {name: line[name] for name in EVENTS[kind] if name != "timings"} == {
        name: value for name, value in EVENTS[kind].items() if name != "timings"
    }


def test_a_preview_is_told_without_its_content() -> None:
    preview, _ = lines("preview", "done")
    assert preview == {"type": "preview", "index": 0, "step": 1, "mime": "image/png"}
