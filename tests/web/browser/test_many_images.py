"""A gallery of a thousand images, from a list of jobs that the test writes."""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.harness.wire.http_server import Harness, wait_until
from tests.web.browser.visitor import visit

pytestmark = pytest.mark.timeout(300)
JOBS: Final = 1000
PAGE: Final = 100
TOP: Final = "(tile) => tile.getBoundingClientRect().top"
PIXEL: Final = base64.b64decode("UklGRiIAAABXRUJQVlA4IBYAAAAwAQCdASoBAAEADsD+JaQAA3AAAAAA")


def job_id(number: int) -> str:
    return f"job_{number:0>26}".translate(str.maketrans("0189", "abcd"))


def numbered(template: dict[str, Any], number: int) -> dict[str, Any]:
    """A listed job like the template. The first is the newest. No two have one prompt."""
    url = f"/api/v1/jobs/{job_id(number)}/images/0"
    image = template["images"][0] | {"url": url, "thumbnail_url": f"{url}/thumbnail"}
    created_at = f"2026-01-{28 - number // 100:02}T{23 - number % 100 // 10:02}:{59 - number % 10:02}:00Z"
    request = template["request"] | {"prompts": [f"number {number}"]}
    return template | {"id": job_id(number), "images": [image], "request": request, "created_at": created_at}


@pytest.fixture
def thousand(page: Page, server: Harness) -> Page:
    """A page whose list of jobs has a thousand, all like one that the server made."""
    server.client.post("/api/v1/jobs", json={"prompt": "x"}, headers={"Prefer": "wait=30"})
    made = server.client.get("/api/v1/jobs").json()["data"][0]
    jobs = [numbered(made, number) for number in range(JOBS)]

    def answer(route: Route) -> None:
        query = parse_qs(urlsplit(route.request.url).query)
        first, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        more = str(first + limit) if first + limit < JOBS else None
        route.fulfill(json={"data": jobs[first : first + limit], "next_cursor": more})

    page.route("**/api/v1/jobs?*", answer)
    page.route("**/thumbnail", lambda route: route.fulfill(body=PIXEL, content_type="image/webp"))
    return page


def scroll_to_the_end(page: Page) -> None:
    """Scrolls on until the last image is there, and counts the most tiles that there were at a time.

    The deadline only ends a broken test that would hang.
    """
    page.evaluate(
        """async (last) => {
            window.most = 0;
            const deadline = Date.now() + 60000;
            while (document.querySelector(`img[alt^="${last}"]`) === null && Date.now() < deadline) {
                scrollTo(0, document.documentElement.scrollHeight);
                await new Promise((done) => setTimeout(done, 30));
                window.most = Math.max(window.most, document.querySelectorAll(".tile").length);
            }
        }""",
        f"number {JOBS - 1},",
    )


def test_a_thousand_images_are_scrolled_with_few_tiles_at_a_time(thousand: Page, server: Harness) -> None:
    visit(thousand, server.url)
    expect(thousand.get_by_alt_text("number 0,")).to_be_visible()
    scroll_to_the_end(thousand)
    expect(thousand.get_by_alt_text(f"number {JOBS - 1},")).to_be_visible()
    assert 0 < thousand.evaluate("window.most") < 100


def first_in_sight(page: Page) -> str:
    return str(
        page.evaluate(
            """() => [...document.querySelectorAll(".tile")]
                .map((tile) => [tile.getBoundingClientRect().bottom, tile.querySelector("img")?.alt])
                .filter(([bottom]) => bottom > 0)
                .sort(([one], [other]) => one - other)[0][1]"""
        )
    )


def test_the_place_is_kept_over_a_reload(thousand: Page, server: Harness) -> None:
    visit(thousand, server.url)
    expect(thousand.get_by_alt_text("number 0,")).to_be_visible()
    thousand.evaluate("scrollTo(0, 9000)")
    expect(thousand.get_by_alt_text("number 0,")).to_have_count(0)
    wait_until(lambda: thousand.evaluate("sessionStorage.getItem('darkroom.place') !== null"))
    before = first_in_sight(thousand)
    thousand.reload()
    expect(thousand.get_by_alt_text(before)).to_be_visible()
    assert first_in_sight(thousand) == before


def test_what_is_in_sight_stays_there_when_images_come_above(thousand: Page, server: Harness) -> None:
    visit(thousand, server.url)
    expect(thousand.get_by_alt_text("number 0,")).to_be_visible()
    thousand.evaluate("scrollTo(0, 5000)")
    expect(thousand.get_by_alt_text("number 0,")).to_have_count(0)
    tile = thousand.get_by_alt_text(first_in_sight(thousand)).locator("xpath=ancestor::li")
    index, top = tile.get_attribute("data-index"), tile.evaluate(TOP)
    thousand.unroute("**/api/v1/jobs?*")  # The server's own list has a job that is newer than all.
    thousand.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(tile).not_to_have_attribute("data-index", str(index))
    assert abs(tile.evaluate(TOP) - top) <= 1
