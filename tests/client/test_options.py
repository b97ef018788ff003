"""A client's options: their sources, their defaults and the values that are refused."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from darkroom._options import Options, resolve_options


def resolve(**given: Any) -> Options:
    return resolve_options(**{"base_url": None, "api_key": None, "timeout": None, "max_retries": None, **given})


@pytest.mark.parametrize(
    "given",
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
def test_an_invalid_value_is_refused_and_not_repeated_in_the_message(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must|not a URL") as caught:
        resolve(**given)
    assert "ret" not in str(caught.value).replace("retries", "")


@pytest.mark.parametrize("base_url", ["https://host:9/prefix", "https://host:9/prefix/"])
def test_the_address_may_have_a_path(base_url: str) -> None:
    assert resolve(base_url=base_url).url("/v1/models") == "https://host:9/prefix/v1/models"


def test_without_an_address_the_server_is_on_this_machine() -> None:
    options = resolve()
    assert (options.base_url, options.api_key, options.max_retries) == ("http://127.0.0.1:8000", None, 2)


def test_the_environment_supplies_address_and_key_that_are_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BASE_URL", "http://elsewhere:1")
    monkeypatch.setenv("DARKROOM_API_KEY", "secret")
    assert (resolve().base_url, resolve().api_key) == ("http://elsewhere:1", "secret")
    assert resolve(base_url="http://here").base_url == "http://here"


@pytest.mark.parametrize(
    ("timeout", "connect_s", "read_s"),
    [
        (None, 5.0, 600.0),
        (30, 5.0, 30),
        (2, 2, 2),
        (httpx2.Timeout(None), None, None),
    ],
)
def test_a_timeout_bounds_reading_and_at_most_five_seconds_of_connecting(
    timeout: float | httpx2.Timeout | None, connect_s: float | None, read_s: float | None
) -> None:
    resolved = resolve(timeout=timeout).timeout
    assert (resolved.connect, resolved.read) == (connect_s, read_s)
