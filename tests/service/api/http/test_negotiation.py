"""Prefer (RFC 7240) and Accept (RFC 9110) are read as the RFCs say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.http.negotiation import MAX_WAIT_S, image_format, preference


@pytest.mark.parametrize(
    ("header", "wait_s", "applied"),
    [
        (None, 0, ""),
        ("", 0, ""),
        ("wait=5", 5, "wait=5"),
        ("wait=0", 0, "wait=0"),
        ("WAIT = 5", 5, "wait=5"),
        ("wait=5;x=1", 5, "wait=5"),
        ("return=minimal, wait=5", 5, "wait=5"),
        ("wait=5, wait=7", 5, "wait=5"),
        ("wait=999999999", MAX_WAIT_S, "wait=300"),
        ("wait=9999999999", 0, ""),
        ("wait=-1", 0, ""),
        ("wait=1.5", 0, ""),
        ("wait=٥", 0, ""),
        ("wait", 0, ""),
        ("respond-async", 0, "respond-async"),
        ("Respond-Async", 0, "respond-async"),
        ("respond-async, wait=5", 5, "wait=5"),
        ("wait=5, respond-async", 5, "wait=5"),
        ("handling=lenient", 0, ""),
    ],
)
def test_prefer_says_how_long_a_caller_waits(header: str | None, wait_s: float, applied: str) -> None:
    preferred = preference(header)
    assert (preferred.wait_s, preferred.applied) == (wait_s, applied)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (None, None),
        ("", None),
        ("*/*", None),
        ("application/json", None),
        ("text/html", None),
        ("image/png", "png"),
        ("image/webp", "webp"),
        ("image/jpeg", "jpeg"),
        ("IMAGE/PNG", "png"),
        ("image/*", "png"),
        ("image/avif", None),
        ("image/avif, image/webp", "webp"),
        ("image/webp, image/png", "webp"),
        ("image/webp, application/json", "webp"),
        ("application/json, image/webp", None),
        ("application/json;q=0.5, image/webp", "webp"),
        ("image/webp;q=0.5, application/json", None),
        ("image/webp;q=0.1, image/jpeg;q=0.2, */*;q=0.05", "jpeg"),
        ("image/png;q=0", None),
        ("image/png; q=0.0, image/jpeg; Q=0.3", "jpeg"),
        ("image/png;seq=0", "png"),
        ("image/png;level=1;q=0.2, image/webp;q=0.1", "png"),
        (",,;q=1", None),
    ],
)
def test_accept_says_which_image_a_caller_wants_instead_of_json(accept: str | None, wanted: str | None) -> None:
    assert image_format(accept) == wanted


@given(st.text(), st.text("wait=;,q0.1/*image png", max_size=40))
def test_any_header_is_read(anything: str, nearly: str) -> None:
    for header in (anything, nearly):
        assert 0 <= preference(header).wait_s <= MAX_WAIT_S
        assert image_format(header) in (None, "png", "webp", "jpeg")
