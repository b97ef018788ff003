"""The schema says under which path its caller reaches the server."""

from __future__ import annotations

from pathlib import Path

from tests.service.api.in_process import Api, run_in_process


async def test_the_schema_has_no_server_but_the_one_that_it_comes_from(api: Api) -> None:
    schema = (await api.client.get("/openapi.json")).json()
    assert "servers" not in schema
    assert schema == api.app.openapi()


async def test_the_schema_names_the_prefix(tmp_path: Path) -> None:
    async with run_in_process(tmp_path, trusted_proxies="127.0.0.1") as api:
        answer = await api.client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/darkroom"})
        assert answer.json()["servers"] == [{"url": "/darkroom"}]
        assert {**answer.json(), "servers": None} == {**api.app.openapi(), "servers": None}
        assert "servers" not in (await api.client.get("/openapi.json")).json()
