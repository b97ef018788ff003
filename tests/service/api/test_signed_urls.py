"""Signed links: a signature holds for one image and one time, and the key is kept whole."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.signed_urls import LinkSigner

JOB: Final = "job_" + "a2" * 13
SIGNER: Final = LinkSigner(bytes(32))
EXPIRES_AT: Final = 2_000_000_000


def signature(job_id: str = JOB, index: int = 0, expires_at: int = EXPIRES_AT, signer: LinkSigner = SIGNER) -> str:
    path = signer.path(job_id, index, expires_at, media_type="image/png")
    return parse_qs(urlsplit(path).query)["signature"][0]


@pytest.mark.parametrize(
    ("media_type", "extension"), [("image/png", "png"), ("image/jpeg", "jpg"), ("image/webp", "webp")]
)
def test_a_link_names_its_image_and_its_kind_and_when_it_expires(media_type: str, extension: str) -> None:
    parts = urlsplit(SIGNER.path(JOB, 3, EXPIRES_AT, media_type=media_type))
    assert parts.path == f"/shared/{JOB}/3.{extension}"
    assert parse_qs(parts.query) == {"expires": [str(EXPIRES_AT)], "signature": [signature(index=3)]}


def test_a_link_holds_until_the_second_in_which_it_expires() -> None:
    assert SIGNER.holds(JOB, 0, EXPIRES_AT, signature(), now=EXPIRES_AT - 0.001)
    assert not SIGNER.holds(JOB, 0, EXPIRES_AT, signature(), now=EXPIRES_AT)


def test_a_signature_holds_for_nothing_else() -> None:
    now = EXPIRES_AT - 100
    assert SIGNER.holds(JOB, 0, EXPIRES_AT, signature(), now=now)
    assert not SIGNER.holds(JOB, 1, EXPIRES_AT, signature(), now=now)
    assert not SIGNER.holds(JOB, 0, EXPIRES_AT + 1, signature(), now=now)
    assert not SIGNER.holds("job_" + "b2" * 13, 0, EXPIRES_AT, signature(), now=now)
    assert not SIGNER.holds(JOB, 0, EXPIRES_AT, signature(signer=LinkSigner(b"another key")), now=now)


@given(text=st.text(max_size=80) | st.just(signature()).map(str.upper))
def test_no_other_text_is_a_signature(text: str) -> None:
    assert not SIGNER.holds(JOB, 0, EXPIRES_AT, text, now=0.0)


def test_links_of_the_first_release_still_hold() -> None:
    assert signature() == "aecc0f88e8d67d53b38abfd7395e7be80a2e67b25034b504327a623bf15368c1"
