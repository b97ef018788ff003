"""Signed links: a signature holds for one image and one time, and the key is kept whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.signed_urls import LinkSigner, load_link_key

JOB: Final = "job_" + "a2" * 13
SIGNER: Final = LinkSigner(bytes(32))
EXPIRES_AT: Final = 2_000_000_000


def signature(job_id: str = JOB, index: int = 0, expires_at: int = EXPIRES_AT, signer: LinkSigner = SIGNER) -> str:
    return parse_qs(urlsplit(signer.path(job_id, index, expires_at)).query)["signature"][0]


def test_a_link_names_its_image_and_when_it_expires() -> None:
    parts = urlsplit(SIGNER.path(JOB, 3, EXPIRES_AT))
    assert parts.path == f"/shared/{JOB}/3"
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


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    key = load_link_key(folder)
    assert len(key) == 32
    assert load_link_key(folder) == key
    assert (folder / "link_key").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in folder.iterdir()] == ["link_key"]


def test_servers_that_start_at_once_share_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as servers:
        keys = set(servers.map(load_link_key, [tmp_path] * 32))
    assert len(keys) == 1
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("content", ["", "ab", "x" * 64, "ab" * 31, "ab" * 33])
def test_a_file_that_holds_no_key_signs_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "link_key").write_text(content)
    with pytest.raises(ValueError, match=r"link_key does not hold a key of 32 bytes\. Delete it"):
        load_link_key(tmp_path)
