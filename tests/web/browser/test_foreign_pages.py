"""Pages of other origins in the browser of somebody who is signed in: they can do nothing here, and read nothing."""

from __future__ import annotations

import functools
import http.server
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from service.observability import logs
from service.settings import Settings
from tests.harness.keys import bearer, secret_of, write_key_file
from tests.harness.wire.http_server import Harness, serve_in_thread
from tests.harness.wire.threaded_server import Quiet, threaded_server

pytestmark = pytest.mark.timeout(300)

FETCHES: Final = """
    async ([server, job]) => {
        const jobs = `${server}/api/v1/jobs`;
        const body = JSON.stringify({ prompt: "not asked for by Alice", key: "x" });
        const form = new FormData();
        form.append("image", new Blob(["x"], { type: "image/png" }), "x.png");
        const tries = [];
        for (const mode of ["no-cors", "cors"])
            tries.push(
                [jobs, { mode, method: "POST", body, headers: { "Content-Type": "text/plain" } }],
                [`${jobs}/${job}/cancel`, { mode, method: "POST" }],
                [`${server}/api/v1/uploads`, { mode, method: "POST", body: form }],
                [`${server}/api/v1/session`, { mode, method: "POST", body, headers: { "Content-Type": "text/plain" } }],
                [`${server}/v1/images/generations`, { mode, method: "POST", body }],
                [jobs, { mode, method: "GET" }],
                [`${server}/api/v1/session`, { mode, method: "GET" }],
                [`${jobs}/${job}/images/0`, { mode, method: "GET" }],
            );
        tries.push(
            [jobs, { method: "POST", body, headers: { "Content-Type": "application/json" } }],
            [`${jobs}/${job}`, { method: "DELETE" }],
            [`${server}/api/v1/session`, { method: "DELETE" }],
        );
        const read = [];
        for (const [url, init] of tries)
            read.push(await fetch(url, { credentials: "include", ...init }).then((answer) => answer.text(), () => ""));
        return read.join("");
    }
"""
SANDBOX: Final = """
    () => document.body.append(Object.assign(document.createElement("iframe"),
        { sandbox: "allow-scripts", name: "sandbox", src: location.href }))
"""
"""A frame whose origin is `null`."""
POST_A_FORM: Final = """
    ([path, enctype]) => {
        const form = Object.assign(document.createElement("form"), { method: "POST", action: path, enctype });
        const field = Object.assign(document.createElement("input"), { name: '{"prompt":"not asked for', value: '"}' });
        form.append(field);
        document.body.append(form);
        form.submit();
    }
"""
IMAGE_WIDTH: Final = """
    (url) => new Promise((done) => {
        const image = new Image();
        image.onload = image.onerror = () => done(image.naturalWidth);
        image.src = url;
    })
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A server with keys."""
    logs.configure("warning", "json")
    file = write_key_file(tmp_path_factory.mktemp("keys") / "keys")
    yield from serve_in_thread(Settings(port=0, admin_port=None, api_key_file=file))


class _Silent(Quiet, http.server.SimpleHTTPRequestHandler):
    """Serves the files of a folder."""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of somebody else's server on this machine."""
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    (folder / "index.html").write_text("<!doctype html><title>Elsewhere</title>")
    with threaded_server(functools.partial(_Silent, directory=str(folder))) as port:
        yield port


@pytest.fixture
def held_job(context: BrowserContext, server: Harness) -> Iterator[dict[str, Any]]:
    """A job of Alice that is in the making, and Alice signed in."""
    server.engine.reset()
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("API key", exact=True).fill(secret_of("alice"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.close()
    server.engine.held_before = (1, 1)
    body = {"prompt": ["asked for", "and this"], "num_inference_steps": 4}
    job = server.client.post("/api/v1/jobs", json=body, headers=bearer("alice")).json()
    yield job
    server.engine.let_go()
    server.client.delete(job["urls"]["self"], headers=bearer("alice"))


def assert_nothing_was_done(page: Page, server: Harness, job: dict[str, Any]) -> None:
    """Neither for Alice nor for anybody, and Alice is still signed in."""
    for name, ids in (("alice", [job["id"]]), ("bob", []), ("root", [])):
        listed = server.client.get("/api/v1/jobs", headers=bearer(name)).json()["data"]
        assert [each["id"] for each in listed] == ids
    assert server.client.get(job["urls"]["self"], headers=bearer("alice")).json()["status"] in ("queued", "running")
    assert [path for path in server.data_dir.rglob("uploads/**/*") if path.is_file()] == []
    page.goto(server.url)
    expect(page.locator(".account")).to_contain_text("alice")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same-site", "cross-site"])
@pytest.mark.parametrize("frame", ["", "sandbox"], ids=["its-own", "null"])
def test_requests_of_another_origin_do_nothing_and_read_nothing(
    page: Page, server: Harness, elsewhere: int, held_job: dict[str, Any], host: str, frame: str
) -> None:
    done: list[str] = []
    page.on(
        "response",
        lambda answer: (
            done.append(f"{answer.request.method} {answer.url} {answer.status}")
            if answer.url.startswith(server.url) and answer.request.method != "GET" and answer.ok
            else None
        ),
    )
    page.goto(f"http://{host}:{elsewhere}/")
    page.evaluate(SANDBOX)
    page.wait_for_load_state("networkidle")
    place = page.frame(frame) if frame else page.main_frame
    assert place is not None
    assert place.evaluate("origin") == ("null" if frame else f"http://{host}:{elsewhere}")
    assert place.evaluate(FETCHES, [server.url, held_job["id"]]) == ""
    assert done == []
    assert_nothing_was_done(page, server, held_job)


def test_forms_of_another_origin_do_nothing(
    page: Page, server: Harness, elsewhere: int, held_job: dict[str, Any]
) -> None:
    paths = ("/api/v1/jobs", f"{held_job['urls']['self']}/cancel", "/api/v1/uploads", "/api/v1/session")
    kinds = ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded")
    statuses: dict[tuple[str, str], int] = {}
    for path, kind in itertools.product(paths, kinds):
        page.goto(f"http://127.0.0.1:{elsewhere}/")
        with page.expect_navigation() as answered:
            page.evaluate(POST_A_FORM, [server.url + path, kind])
        assert answered.value is not None
        statuses[path, kind] = answered.value.status
    assert {asked: status for asked, status in statuses.items() if status not in (401, 403, 415)} == {}
    assert_nothing_was_done(page, server, held_job)


def test_another_origin_sees_no_image(page: Page, server: Harness, elsewhere: int, held_job: dict[str, Any]) -> None:
    server.engine.let_go()
    waiting = {**bearer("alice"), "Prefer": "wait=30"}
    made = server.client.get(held_job["urls"]["self"], headers=waiting).json()
    page.goto(server.url)
    expect(page.locator(".tile .open img")).to_have_count(2)
    image = f"{server.url}{made['urls']['self']}/images/0"
    assert page.evaluate(IMAGE_WIDTH, image) > 0
    page.goto(f"http://127.0.0.1:{elsewhere}/")
    assert page.evaluate(IMAGE_WIDTH, image) == 0


def test_another_origin_shows_no_frame_of_the_page(browser: Browser, server: Harness, elsewhere: int) -> None:
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{elsewhere}/")
    with page.expect_console_message(lambda line: "frame-ancestors 'none'" in line.text):
        page.evaluate(
            "(src) => document.body.append(Object.assign(document.createElement('iframe'), { src }))", server.url
        )
    assert [frame.locator(".header").count() for frame in page.frames] == [0, 0]
    page.close()
