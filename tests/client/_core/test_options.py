"""A client's options: their sources, their defaults and the values that are refused."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from darkroom._core.options import Options, path_segment, resolve_options


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


@pytest.mark.parametrize(
    "base_url",
    [f"https://host:9/prefix{end}" for end in ("", "/", "/v1", "/v1/", "/api/v1", "/api/v1/")],
)
def test_the_address_may_have_a_path_and_end_as_those_of_other_clients_do(base_url: str) -> None:
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


def test_a_version_alone_is_no_part_of_a_name() -> None:
    assert resolve(base_url="http://host/mylib-v1").base_url == "http://host/mylib-v1"
    assert resolve(base_url="http://host/v1").base_url == "http://host"


def test_only_the_servers_own_origin_sees_the_key_and_the_default_headers() -> None:
    options = resolve(base_url="https://host:9/prefix", api_key="secret", default_headers={"X-Team": "red"})
    own = options.headers_for("https://host:9/elsewhere")
    assert (own["Authorization"], own["X-Team"]) == ("Bearer secret", "red")
    for url in ("http://host:9/prefix", "https://host/prefix", "https://host.evil:9/prefix", "https://other:9/"):
        assert list(options.headers_for(url)) == ["user-agent"]


def test_a_default_header_takes_the_place_of_the_clients_own_however_it_is_spelled() -> None:
    headers = resolve(api_key="secret", default_headers={"authorization": "Basic x"}).headers_for(
        "http://127.0.0.1:8000/"
    )
    assert headers.get_list("authorization") == ["Basic x"]


def test_neither_the_key_nor_headers_are_shown() -> None:
    assert "secret" not in repr(resolve(api_key="secret", default_headers={"Cookie": "secret"}))


def test_a_whole_url_stays_as_it_is() -> None:
    assert resolve(base_url="http://here").url("http://there/image") == "http://there/image"


def test_a_read_timeout_is_never_shorter_than_the_silence_of_the_server() -> None:
    assert resolve(timeout=5).timeout_of(60).read == 60
    assert resolve(timeout=5).timeout_of(60).connect == 5
    assert resolve(timeout=500).timeout_of(60).read == 500
    assert resolve(timeout=httpx2.Timeout(None)).timeout_of(60).read is None


def test_options_of_a_call_are_checked_as_those_of_a_client() -> None:
    assert resolve().with_call({"max_retries": 7, "timeout": 3}).max_retries == 7
    assert resolve().with_call({"timeout": 3}).timeout.read == 3
    assert resolve().with_call({}) == resolve()
    with pytest.raises(ValueError, match="max_retries"):
        resolve().with_call({"max_retries": -1})


def test_an_id_is_one_segment_of_a_path() -> None:
    assert path_segment("a/../b c") == "a%2F..%2Fb%20c"
    for text in ("", "..", "."):
        with pytest.raises(ValueError, match="must not be empty"):
            path_segment(text)


@pytest.mark.parametrize(
    ("base_url", "path", "url"),
    [
        ("http://here/darkroom", "/api/v1/jobs", "http://here/darkroom/api/v1/jobs"),
        ("http://here/darkroom", "/darkroom/api/v1/jobs/job_1", "http://here/darkroom/api/v1/jobs/job_1"),
        ("http://here/api", "/api/v1/jobs", "http://here/api/api/v1/jobs"),
        ("http://here", "/darkroom/api/v1/jobs/job_1", "http://here/darkroom/api/v1/jobs/job_1"),
    ],
)
def test_a_path_that_has_the_prefix_of_the_address_does_not_get_it_twice(base_url: str, path: str, url: str) -> None:
    assert resolve(base_url=base_url).url(path) == url
