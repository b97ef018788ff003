"""The pages, the API and the SDK behind a reverse proxy that publishes the server under a path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Page, expect

from darkroom import Darkroom
from service.api.http.fields import MAX_SEED
from service.settings import Settings
from tests.harness.wire.http_server import Harness, serving
from tests.web.browser.reverse_proxy import PREFIX, caddy_before
from tests.web.browser.visitor import finished, generate, show, visit

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Harness]]:
    """The outer address, and the server behind it."""
    folder: Path = tmp_path_factory.mktemp("proxy")
    with (
        serving(Settings(port=0, admin_port=None, trusted_proxies="127.0.0.1")) as server,
        caddy_before(server.port, folder) as url,
    ):
        yield url, server


@pytest.fixture
def outer(proxied: tuple[str, Harness]) -> str:
    return proxied[0]


def test_the_page_makes_and_shows_images(page: Page, outer: str) -> None:
    failed: list[str] = []
    page.on("response", lambda answer: failed.append(answer.url) if answer.status >= 400 else None)
    visit(page, f"{outer}/")
    generate(page)
    expect(finished(page)).to_have_count(1)
    expect(show(page).locator("img.full")).not_to_have_js_property("naturalWidth", 0)
    page.reload()
    expect(finished(page)).to_have_count(1)
    assert failed == []


def test_the_page_of_the_api_is_there(page: Page, outer: str) -> None:
    page.goto(f"{outer}/docs")
    expect(page.get_by_role("heading", name="POST /api/v1/jobs", exact=True)).to_be_visible()
    expect(page.locator("#create_job pre").first).to_contain_text(f"{outer}/api/v1/jobs")
    # A number would round the largest seed.
    expect(page.get_by_text(re.compile(rf"at most {MAX_SEED}$")).first).to_be_attached()


def test_every_address_in_an_answer_can_be_followed(outer: str) -> None:
    origin = outer.removesuffix(PREFIX)
    body = {"prompt": "x", "num_inference_steps": 1}
    with httpx2.Client() as client:
        made = client.post(f"{outer}/api/v1/jobs", json=body, headers={"Prefer": "wait=60"})
        job = made.json()
        image = job["images"][0]
        paths = [
            made.headers["location"],
            job["urls"]["self"],
            job["urls"]["events"],
            image["url"],
            image["thumbnail_url"],
        ]
        link = client.post(f"{origin}{image['url']}/links", json={}).json()["url"]
        openai = client.post(f"{outer}/v1/images/generations", json={**body, "response_format": "url"})
        for url in [*(f"{origin}{path}" for path in paths), link, openai.json()["data"][0]["url"]]:
            assert url.startswith(outer)
            assert client.get(url).status_code == 200, url


def test_the_sdk_follows_them(outer: str) -> None:
    with Darkroom(base_url=outer) as client:
        job = client.jobs.submit(prompt="x", steps=1).wait()
        assert job.images[0].bytes()
        assert job.images[0].link().url.startswith(f"{outer}/shared/")


def test_nobody_but_the_proxy_is_believed(proxied: tuple[str, Harness]) -> None:
    outer, _ = proxied
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Proto": "https"}
    answer = httpx2.post(f"{outer}/api/v1/jobs", json={"prompt": "x", "num_inference_steps": 1}, headers=forged)
    assert answer.headers["location"].startswith(f"{PREFIX}/api/v1/jobs/")
