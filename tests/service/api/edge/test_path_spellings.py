"""Every spelling of a path means the same thing to everything behind the middleware."""

from __future__ import annotations

from typing import Any

from service.api.edge.path_spellings import PathSpellings


async def passed_on(scope: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)

    async def nothing(*_: object) -> Any:
        raise AssertionError("neither is called")

    await PathSpellings(app, own_path=lambda path: path.rstrip("/").lower())(scope, nothing, nothing)
    return seen


async def test_a_request_has_the_path_that_is_meant_and_the_log_the_one_that_was_sent() -> None:
    assert await passed_on({"type": "http", "path": "/V1/models/", "raw_path": b"/V1/models/"}) == {
        "type": "http",
        "path": "/v1/models",
        "raw_path": b"/V1/models/",
    }


async def test_what_is_no_request_has_no_path() -> None:
    assert await passed_on({"type": "lifespan"}) == {"type": "lifespan"}
