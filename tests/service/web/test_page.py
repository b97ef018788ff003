"""The page's files, and no others, are served, with the right headers."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.web.page import BUILD, DOCS, INDEX, built_files, page_router

SCRIPT = "index-0a1b2c3d.js"


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    for name, content in (
        (INDEX, "<!doctype html>"),
        (DOCS, "<!doctype html>docs"),
        (SCRIPT, "let x = 1;" * 99),
        (BUILD, "{}"),
    ):
        (tmp_path / name).write_text(content)
    app = FastAPI(docs_url=None)
    app.include_router(page_router(built_files(tmp_path)))
    return TestClient(app)


def test_the_page_is_asked_for_each_time_and_its_files_are_kept(client: TestClient) -> None:
    page, script = client.get("/"), client.get(f"/assets/{SCRIPT}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["cache-control"] == "no-cache"
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]


def test_a_browser_that_has_a_file_gets_no_other(client: TestClient) -> None:
    tag = client.get("/").headers["etag"]
    answer = client.get("/", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert client.get("/", headers={"If-None-Match": '"another"'}).status_code == 200


def test_files_are_compressed_for_those_who_take_that(client: TestClient) -> None:
    plain = client.get(f"/assets/{SCRIPT}", headers={"Accept-Encoding": "identity"})
    with client.stream("GET", f"/assets/{SCRIPT}", headers={"Accept-Encoding": "gzip"}) as packed:
        sent = b"".join(packed.iter_raw())
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(sent) == plain.content
    assert len(sent) < len(plain.content)


def test_nothing_may_run_or_load_that_is_not_of_this_server(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in part or "http" in part for part in policy)


def test_the_record_of_the_build_is_not_served(client: TestClient) -> None:
    assert client.get(f"/assets/{BUILD}").status_code == 404
    assert client.get(f"/assets/{INDEX}").status_code == 404


def test_a_head_request_has_the_headers_of_the_page(client: TestClient) -> None:
    answer = client.head("/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == client.get("/").headers["etag"]


def test_the_page_of_the_api_is_served_under_the_same_rules(client: TestClient) -> None:
    page = client.get("/docs")
    assert (page.status_code, page.text) == (200, "<!doctype html>docs")
    assert page.headers["content-security-policy"] == client.get("/").headers["content-security-policy"]


def test_without_jobs_to_show_the_page_of_the_api_takes_the_pages_place() -> None:
    app = FastAPI(docs_url=None)
    app.include_router(page_router(shows_jobs=False))
    answer = TestClient(app).get("/")
    assert answer.url.path == "/docs"
    assert "HTTP API" in answer.text
