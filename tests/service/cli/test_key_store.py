"""When a key of the command line ends."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from service.cli.key_store import parse_expiry
from tests.harness.keys import NOON


@pytest.mark.parametrize(
    ("text", "expires_at"),
    [
        ("30m", NOON + 1800),
        ("12h", NOON + 43200),
        ("90d", NOON + 90 * 86400),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC).timestamp()),
        ("2030-01-31T12:00+02:00", datetime(2030, 1, 31, 10, tzinfo=UTC).timestamp()),
    ],
)
def test_a_duration_or_a_time_says_when_a_key_ends(text: str, expires_at: float) -> None:
    assert parse_expiry(text, NOON) == expires_at


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1.5h", "90", "1y", "tomorrow", "2023-11-14", "9999999d"])
def test_anything_else_and_the_past_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be a duration|is in the past"):
        parse_expiry(text, NOON)
