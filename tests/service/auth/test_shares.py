"""The weights of tenants are read as operators write them."""

from __future__ import annotations

import pytest

from service.auth.shares import parse_shares


def test_weights_are_read_by_tenant() -> None:
    assert parse_shares("shop=3, lab = 0.5,") == {"shop": 3.0, "lab": 0.5}
    assert parse_shares("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop", "A weight must be a number from 0.001 to 1000"),
        ("shop=0", "A weight must be"),
        ("shop=-1", "A weight must be"),
        ("shop=nan", "A weight must be"),
        ("shop=inf", "A weight must be"),
        ("shop=8000", "A weight must be"),
        ("shop=much", "A weight must be"),
        ("=3", "A tenant must have"),
        ("my shop=3", "A tenant must have"),
        ("shop=3,shop=4", "A tenant may have one weight"),
    ],
)
def test_other_texts_are_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_shares(text)
