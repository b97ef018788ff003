"""OPTIONS is answered on every route, with or without an origin, with the methods of its path."""

from __future__ import annotations

import pytest

from tests.service.api.in_process import GENERATIONS, JOBS, Api


async def test_every_route_tells_its_methods(api: Api) -> None:
    methods: dict[str, set[str]] = {}
    for method, path in api.operations:
        methods.setdefault(path.replace("{job_id}", f"job_{'a' * 26}"), set()).add(method)
    assert len(methods) > 20
    for path, known in methods.items():
        for headers in ({}, {"Origin": "https://evil.example"}):
            answer = await api.client.options(path, headers=headers)
            assert (answer.status_code, answer.content) == (204, b""), path
            allowed = answer.headers["allow"].split(", ")
            assert {*known, "OPTIONS"} <= set(allowed) <= {*known, "OPTIONS", "HEAD"}
            assert ("HEAD" in allowed) is ("GET" in known)


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", f"{JOBS}/x/y/z"])
async def test_a_path_without_a_route_is_not_found(api: Api, path: str) -> None:
    assert (await api.client.options(path)).status_code == 404


async def test_a_ping_makes_no_image(api: Api) -> None:
    answer = await api.client.request("OPTIONS", GENERATIONS, json={"prompt": "x"})
    assert (answer.status_code, answer.headers["allow"], api.engine.jobs) == (204, "POST, OPTIONS", [])
