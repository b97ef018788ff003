"""The dialects, and the routes of each that take a prompt."""

from __future__ import annotations

from typing import Final

import pytest

from service.api.dialects.registry import DIALECTS
from service.api.http.dialect import Dialect
from tests.service.api.in_process import Api
from tests.service.api.whole.operations import Operation, generating

ALL: Final = [pytest.param(dialect, id=dialect.name) for dialect in DIALECTS]
STORED: Final = {"201", "202"}
"""Statuses of answers about things that are kept."""


@pytest.fixture(params=ALL)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    dialect: Dialect = request.param
    return dialect


@pytest.fixture
async def operations(api: Api, dialect: Dialect) -> list[Operation]:
    """Returns the routes of the dialect that take a prompt."""
    bodies = {
        (method, path): operation["requestBody"]["content"]["application/json"]["schema"]
        for (method, path), operation in api.operations.items()
        if "requestBody" in operation and DIALECTS.at(path) is dialect
    }
    found = [
        Operation(
            client=api.client,
            method=method,
            path=path.replace("{owner}", "x").replace("{name}", api.engine.model.name),
            body=parameters,
            inside=inside,
            text=text,
            stores=bool(STORED & set(api.operations[method, path]["responses"])),
        )
        for (method, path), body in bodies.items()
        for parameters, inside, text in generating(body)
    ]
    assert found, "a dialect generates images"
    return found
