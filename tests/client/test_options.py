"""How a client is made, copied, shown and closed."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from darkroom import AsyncDarkroom, Darkroom
from tests.client import answers


def client(**options: Any) -> Darkroom:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answers.images()))
    return Darkroom(http_client=http, **options)


def test_the_key_is_not_shown() -> None:
    made = client(api_key="secret")
    assert repr(made) == "Darkroom(base_url='http://127.0.0.1:8000', api_key='***')"
    assert "secret" not in f"{made} {made._options!r} {made.images!r}"


@pytest.mark.parametrize(
    "options",
    [
        {"base_url": "here:8000"},
        {"base_url": "ftp://here"},
        {"base_url": "http://"},
        {"base_url": "http://user:secret@here"},
        {"base_url": "http://here?key=secret"},
        {"base_url": "http://here:99999999"},
        {"api_key": "sec ret"},
        {"api_key": "sec\nret"},
        {"api_key": "sécret"},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"max_retries": -1},
    ],
    ids=str,
)
def test_values_that_can_be_none_are_refused_without_being_repeated(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|no URL|characters") as caught:
        Darkroom(**options)
    assert "ret" not in str(caught.value).replace("retries", "")


def test_a_copy_differs_in_what_is_given_and_shares_the_connections() -> None:
    made = client(api_key="secret", base_url="http://here")
    copy = made.with_options(timeout=3, max_retries=7, base_url="http://there")
    assert (copy._options.timeout.read, copy._options.max_retries) == (3, 7)
    assert (copy.base_url, copy._options.api_key) == ("http://there", "secret")
    assert (made.base_url, made._options.max_retries) == ("http://here", 2)
    copy.close()
    assert len(made.images.generate(prompt="a red circle").images) == 1


def test_closing_leaves_a_given_connection_pool_open() -> None:
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answers.images()))
    with Darkroom(http_client=http):
        pass
    assert not http.is_closed
    http.close()


def test_closing_closes_a_pool_of_its_own() -> None:
    with Darkroom() as made:
        http = made._http
    assert http.is_closed


def test_closing_an_async_client_closes_a_pool_of_its_own() -> None:
    async def use() -> bool:
        async with AsyncDarkroom() as made:
            http = made._http
        return http.is_closed

    assert asyncio.run(use())
