"""Sessions are signed, expire, and never outlive their key."""

from __future__ import annotations

import pytest

from service.auth.sessions import Session, SessionSigner
from tests.harness.keys import DAY_S, NOON, api_key

SIGNER = SessionSigner(b"server key", lifetime_s=DAY_S)


def test_a_session_is_read_by_every_server_of_its_key_until_it_expires() -> None:
    text, session = SIGNER.open(api_key("a"), now=NOON)

    assert session == Session("key_a", NOON + DAY_S)
    assert SessionSigner(b"server key", lifetime_s=60.0).read(text, now=NOON + DAY_S - 1) == session
    assert SIGNER.read(text, now=NOON + DAY_S) is None


def test_a_session_ends_with_its_key() -> None:
    _, session = SIGNER.open(api_key("a", expires_at=NOON + 5), now=NOON)

    assert session.expires_at == NOON + 5


def test_a_session_of_another_server_is_none() -> None:
    text, _ = SessionSigner(b"another", lifetime_s=DAY_S).open(api_key("a"), now=NOON)

    assert SIGNER.read(text, now=NOON) is None


def test_a_session_in_which_any_character_is_changed_is_none_or_the_same() -> None:
    """Some bits of the last character of a part have no meaning."""
    text, session = SIGNER.open(api_key("a"), now=NOON)
    changed = [text[:place] + ("A" if each != "A" else "B") + text[place + 1 :] for place, each in enumerate(text)]

    read = [SIGNER.read(each, now=NOON) for each in changed]

    assert set(read) <= {None, session}
    assert read.count(None) >= len(text) - 2


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "====", "x" * 1000, "W10.", "\udc80"])
def test_what_is_no_session_is_none(text: str) -> None:
    assert SIGNER.read(text, now=NOON) is None


def test_servers_of_one_key_and_no_others_name_their_sessions_alike() -> None:
    assert SessionSigner(b"server key", lifetime_s=60.0).name == SIGNER.name
    assert SessionSigner(b"another", lifetime_s=DAY_S).name != SIGNER.name
