"""`darkroom.webhooks.verify` accepts what a server signs, and refuses what was changed, is old or signed by another."""

from __future__ import annotations

import time

import pytest

from darkroom.webhooks import TOLERANCE_S, SignatureError, verify
from service.webhooks.sending.signing import signed_headers, spelled

SECRETS = [bytes([number]) * 32 for number in range(2)]
SECRET = spelled(SECRETS[0])
NOW = 1_700_000_000
BODY = '{"type": "job.succeeded", "data": {"id": "é"}}'.encode()
HEADERS = signed_headers("msg_a", NOW, BODY, SECRETS)


@pytest.mark.parametrize("secret", [*map(spelled, SECRETS), SECRET.removeprefix("whsec_")])
def test_an_event_is_returned_with_either_secret_whatever_the_case_of_the_headers(secret: str) -> None:
    shouted = {name.title(): value for name, value in HEADERS.items()}

    assert verify(BODY, shouted, secret, now=NOW + TOLERANCE_S)["data"] == {"id": "é"}


def test_the_time_is_that_of_this_machine_unless_it_is_given() -> None:
    assert verify(BODY, signed_headers("msg_a", int(time.time()), BODY, SECRETS), SECRET)["type"] == "job.succeeded"
    with pytest.raises(SignatureError, match="too old"):
        verify(BODY, HEADERS, SECRET)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", HEADERS),
        (BODY, {}),
        (BODY, {**HEADERS, "webhook-id": "msg_b"}),
        (BODY, {**HEADERS, "webhook-timestamp": "soon"}),
        (BODY, {**HEADERS, "webhook-timestamp": str(NOW + 1)}),
        (BODY, {**HEADERS, "webhook-signature": "v1,é"}),
        (BODY, signed_headers("msg_a", NOW - 301, BODY, SECRETS)),
        (BODY, signed_headers("msg_a", NOW, BODY, SECRETS[1:])),
    ],
    ids=range(8),
)
def test_other_requests_are_refused(body: bytes, headers: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        verify(body, headers, SECRET, now=NOW)


def test_a_secret_that_is_none_is_told_apart() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        verify(BODY, HEADERS, "whsec_!", now=NOW)
