"""The requests of the API: methods, paths and bodies. Tests of both clients hold how their answers are read."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom._core import endpoints
from darkroom._core.requests import Request
from tests.client import answers

JOB = "/api/v1/jobs/job_1"


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (endpoints.get_job("job_1"), f"GET {JOB}"),
        (endpoints.cancel_job("job_1"), f"POST {JOB}/cancel"),
        (endpoints.delete_job("job_1"), f"DELETE {JOB}"),
        (endpoints.follow_job("job_1", None), f"GET {JOB}/events"),
        (endpoints.link_image(f"{JOB}/images/0", 60), f"POST {JOB}/images/0/links"),
        (endpoints.get_file(f"{JOB}/images/0"), f"GET {JOB}/images/0"),
        (endpoints.create_upload(b"x"), "POST /api/v1/uploads"),
        (endpoints.get_upload("ab"), "GET /api/v1/uploads/ab"),
        (endpoints.delete_upload("ab"), "DELETE /api/v1/uploads/ab"),
        (endpoints.create_key("a", "user", "default", None, None), "POST /api/v1/keys"),
        (endpoints.list_keys(), "GET /api/v1/keys"),
        (endpoints.revoke_key("key_a"), "DELETE /api/v1/keys/key_a"),
        (endpoints.get_webhook_secret(), "GET /api/v1/webhooks/secret"),
        (endpoints.rotate_webhook_secret(), "POST /api/v1/webhooks/secret/rotate"),
        (endpoints.list_webhook_deliveries(None, 5, None), "GET /api/v1/webhooks/deliveries"),
        (endpoints.retry_webhook_delivery("msg_a/b"), "POST /api/v1/webhooks/deliveries/msg_a%2Fb/retry"),
        (endpoints.list_models(), "GET /v1/models"),
        (endpoints.get_model("a/b"), "GET /v1/models/a%2Fb"),
        (endpoints.capabilities(), "GET /api/v1/capabilities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_request_has_its_method_and_path(request_: Request[Any], line: str) -> None:
    assert f"{request_.method} {request_.path}" == line


def test_a_job_is_submitted_with_its_sides_apart_and_a_key() -> None:
    request = endpoints.submit(("a", "b"), {"size": "64x32", "previews": 2, "image": answers.png()}, "mine")
    assert request.headers == {"Idempotency-Key": "mine"}
    assert request.body == {
        "prompt": ["a", "b"],
        "width": 64,
        "height": 32,
        "previews": 2,
        "image": answers.b64_png(),
    }


def test_a_page_of_jobs_begins_behind_its_cursor() -> None:
    assert endpoints.list_jobs(None, 20, None).query == {"limit": "20"}
    assert endpoints.list_jobs("failed", 5, "c").query == {"limit": "5", "status": "failed", "cursor": "c"}


def test_a_stream_of_events_goes_on_behind_the_last_one() -> None:
    assert "Last-Event-ID" not in endpoints.follow_job("job_1", None).headers
    assert endpoints.follow_job("job_1", "1.7").headers["Last-Event-ID"] == "1.7"
