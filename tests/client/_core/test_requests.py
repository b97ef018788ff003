"""A request takes the options of its client and of its call."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom._core.decoding import read_nothing
from darkroom._core.options import resolve_options
from darkroom._core.requests import Request

OPTIONS = resolve_options(base_url="http://here", api_key="secret", timeout=5, max_retries=0)


def request(path: str = "/path", **fields: Any) -> Request[None]:
    return Request(method="DELETE", path=path, read=read_nothing, **fields)


def test_the_key_goes_to_the_server_alone() -> None:
    assert request().http_arguments(OPTIONS, 0)["headers"]["Authorization"] == "Bearer secret"
    elsewhere = request("http://elsewhere/image").http_arguments(OPTIONS, 0)
    assert elsewhere["url"] == "http://elsewhere/image"
    assert "Authorization" not in elsewhere["headers"]


def test_a_call_adds_headers_and_fields() -> None:
    made = request(body={"a": 1}).with_call({"extra_headers": {"X-Once": "1"}, "extra_body": {"b": 2}})
    assert (made.body, made.headers) == ({"a": 1, "b": 2}, {"X-Once": "1"})
    assert request().with_call({"extra_body": {"b": 2}}).body == {"b": 2}
    assert request().with_call({}).body is None


def test_only_requests_for_images_tell_which_try_they_are() -> None:
    assert not any(name.startswith("x-stainless") for name in request().http_arguments(OPTIONS, 1)["headers"])
    headers = request(tells_tries=True).http_arguments(OPTIONS, 1)["headers"]
    assert (headers["X-Stainless-Retry-Count"], headers["X-Stainless-Read-Timeout"]) == ("1", "5")


def test_the_timeout_covers_the_silence_of_the_server() -> None:
    assert request(least_read_timeout_s=60.0).http_arguments(OPTIONS, 0)["timeout"].read == 60


@pytest.mark.parametrize(
    ("status", "tries", "deletes", "done"),
    [(204, 0, False, True), (404, 0, True, False), (404, 1, True, True), (404, 1, False, False), (503, 1, True, False)],
)
def test_what_is_missing_after_another_try_was_deleted_by_it(
    status: int, tries: int, *, deletes: bool, done: bool
) -> None:
    assert request(deletes=deletes).is_done(status, tries) is done
