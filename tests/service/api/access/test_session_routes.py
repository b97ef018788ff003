"""The page's session is opened with a key, described, used only from the page, and ended."""

from __future__ import annotations

import time
from datetime import datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from tests.harness.keys import bearer, secret_of, write_key_file
from tests.service.api.in_process import JOBS, Api, run_in_process

SESSION: Final = "/api/v1/session"
PAGE: Final = {"Sec-Fetch-Site": "same-origin"}
KEYS_OFF: Final = {"tenant": "default", "role": "admin", "name": "", "expires_at": None, "keys_required": False}


async def log_in(api: Api, name: str = "alice", **headers: str) -> httpx2.Response:
    return await api.client.post(SESSION, json={"key": secret_of(name)}, headers=headers)


def cookie_of(api: Api) -> str:
    """The name of the cookie without TLS."""
    name: str = api.app.state.services.authenticator.session_name
    return name


async def test_a_key_opens_a_session_that_only_the_browser_sees(guarded: Api) -> None:
    answer = await log_in(guarded)

    told = answer.json()
    assert (told["tenant"], told["role"], told["name"], told["keys_required"]) == ("alice", "user", "alice", True)
    assert datetime.fromisoformat(told["expires_at"]).tzinfo is not None
    cookie = SimpleCookie(answer.headers["Set-Cookie"])[cookie_of(guarded)]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "strict", "/", "")
    assert secret_of("alice") not in answer.text + str(answer.headers)


async def test_a_session_lasts_as_long_as_the_operator_says(tmp_path: Path) -> None:
    keys = write_key_file(tmp_path / "keys")
    async with run_in_process(tmp_path, api_key_file=keys, session_lifetime_s=600) as api:
        answer = await log_in(api)

    left_s = datetime.fromisoformat(answer.json()["expires_at"]).timestamp() - time.time()
    assert 0 < left_s <= 600
    assert SimpleCookie(answer.headers["Set-Cookie"])[cookie_of(api)]["max-age"] == "600"


async def test_what_a_browser_saw_with_a_session_it_shows_later_only_with_one(guarded: Api) -> None:
    job = (await guarded.create_job(headers=bearer("alice"))).json()
    images = [job["images"][0][path] for path in ("url", "thumbnail_url")]
    by_key = [await guarded.client.get(url, headers=bearer("alice")) for url in images]
    assert {each.headers["Cache-Control"] for each in by_key} == {"private, max-age=31536000, immutable"}
    await log_in(guarded)

    seen = [await guarded.client.get(url) for url in images]
    asked = [{"If-None-Match": each.headers["ETag"]} for each in seen]
    again = [await guarded.client.get(url, headers=tag) for url, tag in zip(images, asked, strict=True)]
    await guarded.client.delete(SESSION, headers=PAGE)
    after = [await guarded.client.get(url, headers=tag) for url, tag in zip(images, asked, strict=True)]

    assert {each.headers["Cache-Control"] for each in (*seen, *again)} == {"private, no-cache"}
    assert [each.status_code for each in (*seen, *again, *after)] == [200, 200, 304, 304, 401, 401]


async def test_the_cookie_of_a_page_with_tls_is_not_sent_without(guarded: Api) -> None:
    answer = await guarded.client.post(f"https://server.test{SESSION}", json={"key": secret_of("alice")})

    cookie = SimpleCookie(answer.headers["Set-Cookie"])[f"__Host-{cookie_of(guarded)}"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


async def test_with_tls_a_cookie_that_another_host_may_have_set_lets_nobody_in(guarded: Api) -> None:
    secure = f"https://server.test{SESSION}"
    await guarded.client.post(secure, json={"key": secret_of("alice")})
    name = f"__Host-{cookie_of(guarded)}"
    text = guarded.client.cookies[name]
    guarded.client.cookies.clear()

    answers = [
        await guarded.client.get(secure, headers={"Cookie": f"{each}={text}"}) for each in (name, cookie_of(guarded))
    ]

    assert [answer.status_code for answer in answers] == [200, 401]


async def test_servers_of_two_data_folders_on_one_host_keep_their_sessions_apart(tmp_path: Path) -> None:
    keys = write_key_file(tmp_path / "keys")
    async with (
        run_in_process(tmp_path / "a", api_key_file=keys) as first,
        run_in_process(tmp_path / "b", api_key_file=keys) as second,
    ):
        second.client.cookies = first.client.cookies.jar  # A browser has the same cookies for every port of a host.
        await log_in(first)
        await log_in(second, "bob")
        told = [(await each.client.get(SESSION)).json()["name"] for each in (first, second)]
        await second.client.delete(SESSION, headers=PAGE)
        after = [(await each.client.get(SESSION)).status_code for each in (first, second)]

    assert told == ["alice", "bob"]
    assert after == [200, 401]


async def test_servers_of_one_data_folder_share_their_sessions(tmp_path: Path) -> None:
    keys = write_key_file(tmp_path / "keys")
    async with (
        run_in_process(tmp_path, api_key_file=keys) as first,
        run_in_process(tmp_path, api_key_file=keys) as second,
    ):
        second.client.cookies = first.client.cookies.jar
        await log_in(first)
        assert (await second.client.get(SESSION)).json()["name"] == "alice"


async def test_the_session_is_told_and_stands_for_its_key(guarded: Api) -> None:
    opened = await log_in(guarded)

    assert (await guarded.client.get(SESSION)).json() == opened.json()
    assert (await guarded.client.get(JOBS)).status_code == 200


async def test_a_key_in_a_header_is_told_as_well(guarded: Api) -> None:
    told = (await guarded.client.get(SESSION, headers=bearer("root"))).json()

    assert (told["tenant"], told["role"], told["expires_at"]) == ("default", "admin", None)


async def test_a_wrong_key_opens_nothing_and_is_counted(guarded: Api) -> None:
    answer = await guarded.client.post(SESSION, json={"key": secret_of("nobody")})

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert "Set-Cookie" not in answer.headers
    text = guarded.metrics.exposition(ready=True, backlog_s=0.0).decode()
    assert 'darkroom_authentication_refusals_total{reason="unknown"} 1.0' in text


async def test_without_a_session_there_is_none_to_tell(guarded: Api) -> None:
    assert (await guarded.client.get(SESSION)).status_code == 401


@pytest.mark.parametrize("body", [{}, {"key": ""}, {"key": 7}, {"key": "x", "more": 1}, {"key": "x" * 1001}])
async def test_a_body_that_is_no_wish_for_a_session_is_refused(guarded: Api, body: dict[str, Any]) -> None:
    assert (await guarded.client.post(SESSION, json=body)).status_code == 422


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (PAGE, 422),
        ({"Origin": "http://server.test"}, 422),
        ({}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
)
async def test_only_a_page_of_this_server_changes_anything_with_a_session(
    guarded: Api, headers: dict[str, str], status: int
) -> None:
    await log_in(guarded)

    answer = await guarded.client.post(JOBS, json={}, headers=headers)

    assert answer.status_code == status
    assert answer.json()["code"] == ("forbidden" if status == 403 else "invalid_value")


async def test_the_page_is_known_behind_a_proxy_that_replaces_the_host(tmp_path: Path) -> None:
    keys = write_key_file(tmp_path / "keys")
    async with run_in_process(tmp_path, api_key_file=keys, public_url="http://images.example") as api:
        await log_in(api)
        for origin, status in (("http://images.example", 422), ("http://evil.example", 403)):
            assert (await api.client.post(JOBS, json={}, headers={"Origin": origin})).status_code == status


async def test_a_session_that_is_ended_lets_nobody_in(guarded: Api) -> None:
    await log_in(guarded)

    answer = await guarded.client.delete(SESSION, headers=PAGE)

    assert (answer.status_code, answer.headers["Clear-Site-Data"]) == (204, '"cache"')
    assert (await guarded.client.get(SESSION)).status_code == 401
    assert (await guarded.client.get(JOBS)).status_code == 401


async def test_a_forged_session_lets_nobody_in(guarded: Api) -> None:
    await log_in(guarded)
    text = guarded.client.cookies[cookie_of(guarded)]
    guarded.client.cookies.clear()

    answer = await guarded.client.get(JOBS, headers={"Cookie": f"{cookie_of(guarded)}={text[:-6]}AAAAAA"})

    assert (answer.status_code, answer.json()["detail"]) == (401, "The session is over. Log in again with an API key.")


async def test_a_server_without_keys_says_so_and_opens_no_session(api: Api) -> None:
    posted = await api.client.post(SESSION, json={"key": "anything"})

    assert (await api.client.get(SESSION)).json() == posted.json() == KEYS_OFF
    assert "Set-Cookie" not in posted.headers


async def test_nobody_without_a_key_has_a_large_body_read(guarded: Api) -> None:
    answer = await guarded.client.post(SESSION, json={"key": "x" * 9000})
    assert answer.status_code == 413
