"""An answer with its status and headers."""

from __future__ import annotations

import httpx2

from darkroom import RawResponse


def test_a_raw_response_gives_what_the_server_sent_and_the_result() -> None:
    raw = RawResponse(httpx2.Response(202, text="body", headers={"X-Request-Id": "req_1"}), 7)
    assert (raw.status_code, raw.request_id, raw.content, raw.parse()) == (202, "req_1", b"body", 7)
    assert repr(raw) == "RawResponse(status_code=202)"
