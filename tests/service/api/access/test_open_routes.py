"""A path is open if the allow-list names its route, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

from service.api.access.open_routes import OPEN_PATHS, is_open
from service.server.app import create_app
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine


def scope(path: str, root_path: str = "", method: str = "GET") -> Scope:
    return {"type": "http", "method": method, "path": path, "root_path": root_path, "headers": []}


@pytest.mark.parametrize(
    ("path", "is_it"),
    [
        ("/", True),
        ("/livez", True),
        ("/assets/app.js", True),
        ("/shared/a/0", True),
        ("", False),
        ("/livez/", False),
        ("/assets/", False),
        ("/assets/../v1/models", False),
        ("/shared/a/0/links", False),
        ("/v1/models", False),
        ("*", False),
    ],
)
def test_a_path_is_open_where_an_open_route_has_it(path: str, is_it: bool) -> None:
    assert is_open(scope(path)) is is_it


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "BREW"])
def test_the_method_does_not_matter(method: str) -> None:
    assert is_open(scope("/livez", method=method))
    assert not is_open(scope("/v1/models", method=method))


def test_a_prefix_is_read_as_the_routes_read_it() -> None:
    assert is_open(scope("/draw/livez", root_path="/draw"))
    assert not is_open(scope("/assets/v1", root_path="/assets"))


def test_a_route_is_open_only_where_the_list_names_it(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), FakeEngine())
    paths = {str(context.path) for context in iter_route_contexts(app.routes)}

    opened = {path for path in paths if is_open(scope(path))}

    assert {path for path in opened if not path.startswith("/assets/")} == paths & set(OPEN_PATHS)
