"""The page in a real browser, before a server around the fake engine, which pauses, fails and refuses on demand."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from service.errors import OutOfMemoryError
from tests.harness.wire.http_server import Harness
from tests.web.browser.visitor import (
    accessibility_problems,
    fill,
    finished,
    generate,
    open_settings,
    show,
    value,
    visit,
)

pytestmark = pytest.mark.timeout(300)


def test_an_image_that_cannot_be_made_says_what_to_do_and_can_be_removed(page: Page, server: Harness) -> None:
    server.engine.failure = OutOfMemoryError("CUDA out of memory.")
    visit(page, server.url)
    generate(page)
    expect(page.get_by_role("alert")).to_contain_text("Choose a smaller size.")
    expect(page.locator(".missing")).to_contain_text("Choose a smaller size.")
    page.get_by_role("button", name=re.compile("^Remove")).click()
    expect(page.locator(".missing")).to_have_count(0)
    assert server.client.get("/api/v1/jobs").json()["data"] == []


def test_what_the_server_refuses_is_told_in_the_words_of_the_form(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#sampler=imaginary")
    generate(page)
    expect(page.get_by_role("alert")).to_contain_text(re.compile("^Sampler: .*Change it and try again"))


def test_a_lost_connection_is_told_and_what_was_missed_is_there_when_it_is_back(page: Page, server: Harness) -> None:
    server.engine.held_before = (0, 1)
    visit(page, server.url)
    page.route("**/api/v1/events**", lambda route: route.abort())
    generate(page)
    expect(page.get_by_text("The connection to the server is lost.")).to_be_visible()
    server.engine.let_go()
    page.unroute("**/api/v1/events**")
    expect(finished(page)).to_have_count(1)
    expect(page.get_by_text("The connection to the server is lost.")).to_have_count(0)


def test_what_a_busy_server_refuses_is_sent_again(page: Page, server: Harness) -> None:
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if route.request.method == "POST" and not refused:
            refused.append(route.request.headers["idempotency-key"])
            problem = {"code": "queue_full", "detail": "Full.", "status": 503, "errors": []}
            route.fulfill(status=503, headers={"Retry-After": "1"}, body=json.dumps(problem))
        else:
            route.continue_()

    page.route("**/api/v1/jobs", refuse_once)
    visit(page, server.url)
    generate(page)
    expect(page.get_by_text(re.compile("too much work.*sent again in 1 s"))).to_be_visible()
    expect(finished(page)).to_have_count(1)
    assert len(refused) == 1


def test_the_keys_go_from_image_to_image_and_delete_only_when_asked_twice(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#count=3&seed=1")
    generate(page, "three")
    expect(finished(page)).to_have_count(3)
    dialog = show(page)
    facts = dialog.locator(".parameters")
    expect(facts).to_contain_text("Seed1")
    page.keyboard.press("ArrowRight")
    expect(facts).to_contain_text("Seed2")
    page.keyboard.press("Delete")
    expect(dialog.get_by_role("button", name="Delete for good?")).to_be_visible()
    expect(finished(page)).to_have_count(3)
    page.keyboard.press("Delete")
    expect(finished(page)).to_have_count(2)
    expect(facts).to_contain_text("Seed3")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_focus_is_back_where_it_was_once_a_dialog_is_closed(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#count=2&seed=1")
    generate(page, "two")
    expect(finished(page)).to_have_count(2)
    show(page, 1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".tile .open").nth(1)).to_be_focused()


def test_two_images_are_compared_and_their_differences_named(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#count=2&seed=1")
    generate(page, "two")
    expect(finished(page)).to_have_count(2)
    for seed in (1, 2):
        page.get_by_role("button", name=f"Compare: two, seed {seed}").click()
    rows = page.get_by_role("dialog").locator(".differences tr")
    expect(rows.filter(has_text="Seed")).to_have_text("1Seed2")


def test_the_lock_keeps_the_last_seed_and_the_dice_draws_another(page: Page, server: Harness) -> None:
    visit(page, server.url)
    open_settings(page)
    generate(page)
    expect(finished(page)).to_have_count(1)
    seed = (finished(page).get_attribute("alt") or "").rsplit(" ", 1)[-1]
    page.get_by_role("button", name="Lock the seed").click()
    assert value(page, "Seed") == seed
    page.get_by_role("button", name="Draw a seed").click()
    assert value(page, "Seed") not in ("", seed)
    fill(page, "Images", "2")
    expect(page).to_have_url(re.compile("count=2"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, server: Harness, axe: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of its literals
    visit(page, f"{server.url}/#count=2")
    open_settings(page)
    generate(page, "two")
    expect(finished(page)).to_have_count(2)
    server.engine.held_before = (0, 1)
    generate(page, "in the making")
    fill(page, "Steps", "x")
    assert accessibility_problems(page, axe) == []
    show(page).get_by_role("button", name="Close").wait_for()
    assert accessibility_problems(page, axe) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="X/Y grid").click()
    page.get_by_role("dialog").get_by_role("heading").wait_for()
    assert accessibility_problems(page, axe) == []


def test_a_phone_shows_all_of_it_without_scrolling_sideways(page: Page, server: Harness) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    visit(page, f"{server.url}/#count=3")
    open_settings(page)
    generate(page, "a-word-that-is-far-too-long-for-a-phone" * 5)
    expect(finished(page)).to_have_count(3)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) <= 0
    server.engine.held_before = (0, 1)
    generate(page, "in the making")
    expect(page.get_by_role("button", name="Cancel all")).to_be_visible()
    assert page.evaluate(sideways) <= 0
    server.engine.let_go()
    expect(finished(page)).to_have_count(6)
    show(page)
    assert page.evaluate(sideways) <= 0
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="X/Y grid").click()
    expect(page.get_by_role("dialog").get_by_role("heading")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
