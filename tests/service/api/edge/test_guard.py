"""Requests that name another host, or come from another site's page, reach no route of either listener."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest

from service.api.admin import create_admin_app
from service.server.app import allowed_hosts
from service.settings import Settings
from tests.harness.keys import bearer, write_key_file
from tests.service.api.in_process import GENERATIONS, HOST, JOBS, Api, run_in_process

FOREIGN: Final[list[dict[str, str]]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": f"http://{HOST}:9000"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": f"http://{HOST}"},
]
OWN: Final[list[dict[str, str]]] = [
    {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {},
]
UNSAFE: Final = [("POST", JOBS), ("POST", GENERATIONS), ("DELETE", f"{JOBS}/job_{'a' * 32}"), ("PUT", "/nowhere")]


@pytest.fixture
async def admin(api: Api) -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings(admin_host="metrics.internal", allowed_hosts=HOST)
    app = create_admin_app(api.app.state.services, allowed_hosts(settings, settings.admin_host))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=f"http://{HOST}") as client:
        yield client


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Api]:
    """A server with keys."""
    async with run_in_process(tmp_path, api_key_file=write_key_file(tmp_path / "keys")) as api:
        yield api


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", "127.1"])
@pytest.mark.parametrize(("method", "path"), [("GET", JOBS), ("GET", "/"), ("GET", "/livez"), ("GET", "/x"), *UNSAFE])
async def test_another_host_is_misdirected(api: Api, host: str, method: str, path: str) -> None:
    answer = await api.client.request(method, path, headers={"Host": host})
    assert answer.status_code == 421
    assert host not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001"])
async def test_another_host_reads_and_steers_nothing_of_the_admin_listener(
    admin: httpx2.AsyncClient, host: str
) -> None:
    for method, path in (("GET", "/metrics"), ("GET", "/models"), ("POST", "/models/x/unload"), ("GET", "/x")):
        assert (await admin.request(method, path, headers={"Host": host})).status_code == 421


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "10.42.0.7:8000", "[::1]:8000", "[fd00::7]", HOST.upper()]
)
async def test_probes_and_callers_by_address_or_known_name_get_through(
    api: Api, admin: httpx2.AsyncClient, host: str
) -> None:
    assert (await api.client.get("/livez", headers={"Host": host})).status_code == 200
    assert (await admin.get("/metrics", headers={"Host": host})).status_code == 200


async def test_the_hosts_of_the_public_url_and_the_bound_address_are_known(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"public_url": "https://images.example/darkroom", "host": "darkroom.lan"}
    async with run_in_process(tmp_path, **settings) as api:
        for host, status in (("images.example", 200), ("darkroom.lan:8000", 200), ("other.lan", 421)):
            assert (await api.client.get("/livez", headers={"Host": host})).status_code == status


async def test_the_bound_address_of_the_admin_listener_is_known(admin: httpx2.AsyncClient) -> None:
    assert (await admin.get("/metrics", headers={"Host": "metrics.internal:8001"})).status_code == 200


@pytest.mark.parametrize("hosts", [[], [HOST, HOST], [HOST, "evil.example"], [""], ["a b"], [f"{HOST},evil.example"]])
async def test_a_request_has_exactly_one_host(api: Api, hosts: list[str]) -> None:
    request = api.client.build_request("GET", "/livez")
    del request.headers["host"]
    request.headers = httpx2.Headers([*request.headers.items(), *(("Host", host) for host in hosts)])
    assert (await api.client.send(request)).status_code == 400


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_another_sites_page_changes_nothing(api: Api, headers: dict[str, str], method: str, path: str) -> None:
    answer = await api.client.request(method, path, json={"prompt": "x"}, headers=headers)
    assert answer.status_code == 403
    assert api.engine.jobs == []


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_key_does_not_let_another_sites_page_in(guarded: Api, headers: dict[str, str]) -> None:
    for brought in (bearer("alice"), bearer("root"), {}):
        for method, path in UNSAFE:
            answer = await guarded.client.request(method, path, json={"prompt": "x"}, headers={**headers, **brought})
            assert answer.status_code == 403, (method, path)
    assert guarded.engine.jobs == []


async def test_with_keys_the_own_page_and_programs_need_one(guarded: Api) -> None:
    for headers in OWN:
        assert (await guarded.create_job(headers={**headers, **bearer("alice")})).is_success
        assert (await guarded.create_job(headers=headers)).status_code == 401


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_sites_page_steers_no_models(admin: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    assert (await admin.post("/models/x/unload", headers=headers)).status_code == 403


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_no_answer_lets_another_sites_page_read_it(api: Api, headers: dict[str, str], method: str) -> None:
    asks = {"Access-Control-Request-Method": "POST", **headers}
    answer = await api.client.request(method, JOBS, headers=asks)
    assert answer.status_code != 403
    assert [name for name in answer.headers if name.startswith("access-control-")] == []


async def test_the_servers_own_page_is_let_in(api: Api) -> None:
    for headers in OWN:
        assert (await api.create_job(headers=headers)).is_success


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "text/plain;application/json"]
)
@pytest.mark.parametrize("path", [JOBS, GENERATIONS])
async def test_json_that_a_form_could_send_is_no_json(api: Api, media_type: str, path: str) -> None:
    answer = await api.client.post(path, content=b'{"prompt":"x"}', headers={"Content-Type": media_type})
    assert answer.status_code == 415


async def test_a_page_that_names_a_known_host_in_x_forwarded_host_is_still_misdirected(tmp_path: Path) -> None:
    async with run_in_process(tmp_path, trusted_proxies="127.0.0.1") as api:
        for host, forwarded in (("evil.example", HOST), (HOST, "evil.example")):
            answer = await api.client.get(JOBS, headers={"Host": host, "X-Forwarded-Host": forwarded})
            assert answer.status_code == 421
