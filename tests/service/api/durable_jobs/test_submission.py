"""The idempotency key of a request, and a wait that nobody can have."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from service.api.durable_jobs.submission import idempotency_key
from service.api.http.form_body import UploadedFile
from service.errors import InvalidRequestError


def request_with(key: str | None) -> Request:
    headers = [] if key is None else [(b"idempotency-key", key.encode("latin-1"))]
    return Request({"type": "http", "headers": headers})


async def fingerprint(fields: dict[str, Any]) -> str:
    found = await idempotency_key(request_with("a"), fields)
    assert found is not None
    return found.fingerprint


async def test_a_request_has_the_key_that_it_brings() -> None:
    assert await idempotency_key(request_with(None), {}) is None
    found = await idempotency_key(request_with("a key"), {})
    assert found is not None
    assert (found.key, found.lifetime_s) == ("a key", 86400.0)


@pytest.mark.parametrize("key", ["", "x" * 256, "ü", "a\tb"])
async def test_a_key_is_short_printable_ascii(key: str) -> None:
    with pytest.raises(InvalidRequestError, match="Idempotency-Key"):
        await idempotency_key(request_with(key), {})


async def test_bodies_are_the_same_whatever_the_order_of_their_fields_and_by_the_content_of_their_files() -> None:
    first = await fingerprint({"prompt": "x", "image": UploadedFile(b"1")})
    assert first == await fingerprint({"image": UploadedFile(b"1"), "prompt": "x"})
    assert first != await fingerprint({"prompt": "x", "image": UploadedFile(b"2")})
