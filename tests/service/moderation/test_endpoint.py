"""The address of a moderation service is one that can be asked, and holds no secret."""

from __future__ import annotations

import pytest

from service.moderation.endpoint import check_endpoint


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1/moderations",
        "http://moderation:8080/judge?strict=1",
        "http://[::1]:9000/v1/moderations",
    ],
)
def test_addresses_that_can_be_asked_are_taken(url: str) -> None:
    check_endpoint(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("moderation:8080", "http or https"),
        ("ftp://host/x", "http or https"),
        ("http://", "http or https"),
        ("https://user:hunter2@host/x", "must not hold a password"),
        ("https://host:99999/x", "port"),
        ("https://host/x#part", "without a fragment"),
        ("https://host/a b", "without a fragment"),
        ("https://hóst/", "ASCII"),
    ],
)
def test_others_are_refused_without_repeating_them(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        check_endpoint(url)

    assert "hunter2" not in str(refused.value)
