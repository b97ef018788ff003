"""The page before a server with keys: signing in and out, and what happens when a key is revoked meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from service.observability import logs
from service.settings import Settings
from tests.harness.keys import bearer, secret_of, write_key_file
from tests.harness.paths import ROOT
from tests.harness.wire.http_server import Harness, serve_in_thread
from tests.web.browser.visitor import accessibility_problems, fill, finished, generate, show, value, visit

pytestmark = pytest.mark.timeout(300)
COMMAND: Final = (sys.executable, "-c", "from darkroom.cli.app import main; main()")
ALICE: Final = secret_of("alice")
KEPT: Final = "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, document.cookie])"
"""The page keeps little in the browser."""
BACKDROP: Final = "getComputedStyle(document.querySelector('.signin'), '::backdrop').backgroundColor"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    logs.configure("warning", "json")
    file = write_key_file(tmp_path_factory.mktemp("keys") / "keys")
    yield from serve_in_thread(Settings(port=0, admin_port=None, api_key_file=file))


@pytest.fixture
def server(shared_server: Harness) -> Iterator[Harness]:
    """A server with the keys `alice` and `bob`, of users with tenants of these names, without jobs."""
    shared_server.engine.reset()
    yield shared_server
    shared_server.engine.let_go()
    for name in ("alice", "bob"):
        for job in shared_server.client.get("/api/v1/jobs", headers=bearer(name)).json()["data"]:
            shared_server.client.delete(job["urls"]["self"], headers=bearer(name))


def keys(server: Harness, *arguments: str) -> str:
    """Runs `darkroom keys` on the server's store, as its operator does, and returns what it prints."""
    return subprocess.run(
        [*COMMAND, "keys", *arguments, "--data-dir", str(server.data_dir)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'client'}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


def form(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Sign in")


def key_field(page: Page) -> Locator:
    return form(page).get_by_label("API key", exact=True)


def sign_in(page: Page, key: str) -> None:
    expect(key_field(page)).to_be_focused()
    key_field(page).fill(key)
    page.keyboard.press("Enter")
    expect(form(page)).to_have_count(0)


def session_cookie(page: Page) -> dict[str, Any]:
    (cookie,) = page.context.cookies()
    return dict(cookie)


def test_a_visitor_signs_in_makes_an_image_and_signs_out(page: Page, server: Harness) -> None:
    page.goto(f"{server.url}/#prompt=a+red+circle&seed=7")
    expect(key_field(page)).to_be_focused()
    key_field(page).fill("not-a-key")
    page.keyboard.press("Enter")
    expect(form(page).get_by_role("alert")).to_have_text(
        "This key is not valid: it is mistyped, was revoked or has expired."
    )
    expect(key_field(page)).to_be_focused()
    sign_in(page, ALICE)

    assert value(page, "Prompt") == "a red circle"
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(finished(page)).to_have_count(1)
    expect(show(page).locator("img.full")).to_have_js_property("naturalWidth", 128)
    page.keyboard.press("Escape")
    cookie = session_cookie(page)
    assert re.fullmatch("darkroom_session_[0-9a-f]{12}", cookie["name"])
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert ALICE not in page.evaluate(KEPT) + page.content() + cookie["value"]
    page.reload()
    expect(finished(page)).to_have_count(1)
    expect(form(page)).to_have_count(0)

    expect(page.locator(".account")).to_contain_text(re.compile("alice.*alice"))
    page.get_by_role("button", name="Sign out").click()
    expect(key_field(page)).to_be_focused()
    assert page.context.cookies() == []
    assert page.evaluate(KEPT) == f'[{{"darkroom.theme":"auto"}},{{}},"{server.url}/",""]'
    expect(finished(page)).to_have_count(0)


def test_two_servers_on_one_host_keep_their_visitors(page: Page, server: Harness, tmp_path: Path) -> None:
    file = write_key_file(tmp_path / "keys")
    settings = Settings(port=0, admin_port=None, api_key_file=file, data_dir=tmp_path)
    with contextlib.contextmanager(serve_in_thread)(settings) as other:
        for url in (server.url, other.url):
            page.goto(url)
            sign_in(page, ALICE)
        page.get_by_role("button", name="Sign out").click()
        expect(key_field(page)).to_be_focused()
        page.goto(server.url)
        expect(page.locator(".account")).to_contain_text("alice")
        expect(form(page)).to_have_count(0)


def test_a_key_that_is_revoked_while_a_job_runs_asks_for_another_and_all_goes_on(page: Page, server: Harness) -> None:
    made = json.loads(keys(server, "create", "--name", "laptop", "--tenant", "alice", "--json"))
    server.engine.held_before = (0, 1)
    page.goto(server.url)
    sign_in(page, made["key"])
    expect(page.locator(".account")).to_contain_text("laptop")
    generate(page, "in the making")
    expect(page.get_by_text("Step 0 of")).to_be_visible()
    fill(page, "Prompt", "half a sentence")
    page.get_by_role("textbox", name="Prompt", exact=True).focus()

    keys(server, "revoke", made["id"])
    expect(key_field(page)).to_be_focused()
    expect(form(page)).to_contain_text("nothing is lost")
    assert page.evaluate(BACKDROP).startswith("rgb(")  # It is opaque: others may sit here now.
    key_field(page).fill(made["key"])
    page.keyboard.press("Enter")
    expect(form(page).get_by_role("alert")).to_contain_text("not valid")

    sign_in(page, ALICE)
    assert value(page, "Prompt") == "half a sentence"
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_focused()
    server.engine.let_go()
    expect(finished(page)).to_have_count(1)
    page.keyboard.press("Enter")
    expect(finished(page)).to_have_count(2)


def test_what_was_asked_for_without_a_session_is_made_once_there_is_one(page: Page, server: Harness) -> None:
    page.goto(server.url)
    sign_in(page, ALICE)
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies()
    generate(page, "without a cookie")
    sign_in(page, ALICE)
    expect(finished(page)).to_have_count(1)


def test_tabs_share_the_session(page: Page, server: Harness) -> None:
    other = page.context.new_page()
    for each in (page, other):
        each.goto(f"{server.url}/#prompt=of+this+tab")
    sign_in(page, ALICE)
    expect(form(other)).to_have_count(0)
    generate(other, "of the other tab")
    expect(finished(other)).to_have_count(1)
    page.get_by_role("button", name="Sign out").click()
    expect(key_field(other)).to_be_visible()
    assert value(other, "Prompt") == "of the other tab"
    sign_in(page, secret_of("bob"))
    expect(other.locator(".account")).to_contain_text("bob")
    expect(finished(other)).to_have_count(0)
    assert value(other, "Prompt") == ""


def test_the_form_cannot_be_left_and_shows_the_key_only_when_asked(page: Page, server: Harness) -> None:
    page.goto(server.url)
    key_field(page).fill("typed")
    for _ in range(3):
        page.keyboard.press("Escape")
    expect(form(page)).to_be_visible()
    expect(key_field(page)).to_have_attribute("type", "password")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(key_field(page)).to_have_attribute("type", "text")
    form(page).get_by_role("button", name="Hide the key").click()
    expect(key_field(page)).to_have_attribute("type", "password")
    expect(key_field(page)).to_have_value("typed")
    expect(key_field(page)).to_have_attribute("autocomplete", "current-password")


def test_a_browser_that_keeps_no_cookies_is_told_so(browser: Browser, server: Harness) -> None:
    page = browser.new_page()
    page.route(
        "**/api/v1/session",
        lambda route: route.fulfill(json={}) if route.request.method == "POST" else route.continue_(),
    )
    page.goto(server.url)
    key_field(page).fill(ALICE)
    page.keyboard.press("Enter")
    expect(form(page).get_by_role("alert")).to_contain_text("Allow cookies")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_form(page: Page, server: Harness, axe: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of its literals
    page.goto(server.url)
    expect(key_field(page)).to_be_focused()
    assert accessibility_problems(page, axe) == []
    page.keyboard.press("Enter")
    expect(form(page).get_by_role("alert")).to_have_text("Enter a key first.")
    assert accessibility_problems(page, axe) == []
    sign_in(page, ALICE)
    page.get_by_role("button", name="Sign out").wait_for()
    assert accessibility_problems(page, axe) == []


def test_a_phone_shows_all_of_the_form(page: Page, server: Harness) -> None:
    page.set_viewport_size({"width": 320, "height": 420})
    page.goto(server.url)
    expect(key_field(page)).to_be_in_viewport(ratio=1)
    form(page).get_by_role("button", name="Sign in").scroll_into_view_if_needed()
    expect(form(page).get_by_role("button", name="Sign in")).to_be_in_viewport(ratio=1)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) <= 0
    sign_in(page, ALICE)
    visit(page, server.url)
    assert page.evaluate(sideways) <= 0
