"""Texts that look like markup or scripts stay texts, wherever the page shows them: prompts, names and errors."""

from __future__ import annotations

import json
import re
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.harness.wire.http_server import Harness
from tests.web.browser.visitor import finished, generate, show, value, visit

pytestmark = pytest.mark.timeout(300)
CORPUS: Final = (
    "<script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    "<svg onload=window.hit=1><animate onbegin=window.hit=1 attributeName=x dur=1s>",
    "\"><iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "'\" autofocus onfocus=window.hit=1 x='",
    "javascript:window.hit=1//",
    "<a href=javascript:window.hit=1>x</a>",
    "<base href=http://127.0.0.1:9/><meta http-equiv=refresh content='0;url=javascript:window.hit=1'>",
    "<details open ontoggle=window.hit=1><summary>x</summary></details>",
    "</textarea></title></style><object data=data:text/html,x></object>",
    "<math><mtext><style><img title='</style><img src=x onerror=window.hit=1>'>",
    "${window.hit=1} {{constructor.constructor('window.hit=1')()}} &lt;img src=x onerror=window.hit=1&gt;",
    "<template><slot onslotchange=window.hit=1></slot></template>\u2028\u202e\x7f",
)
LISTED: Final = 150
"""Characters of a text that a list of jobs surely has."""
MADE_FROM_TEXT: Final = """
    [...document.querySelectorAll("*")].filter((each) =>
        /^(iframe|object|embed|base|template|math|animate|style)$/i.test(each.tagName)
        || (each.tagName === "SCRIPT" && !each.src.startsWith(location.origin + "/assets/"))
        || [...each.attributes].some(({ name, value }) =>
            name.startsWith("on") || (/^(href|src|action|formaction)$/.test(name) && /^\\s*javascript:/i.test(value)))
    ).map((each) => each.outerHTML)
"""


def assert_nothing_came_of_it(page: Page) -> None:
    assert page.evaluate("window.hit") is None
    assert page.evaluate(MADE_FROM_TEXT) == []


def test_prompts_stay_texts_in_the_form_the_gallery_and_all_dialogs(page: Page, server: Harness) -> None:
    body = {"prompt": list(CORPUS), "negative_prompt": CORPUS[1], "seed": 1, "num_inference_steps": 1}
    made = server.client.post("/api/v1/jobs", json=body, headers={"Prefer": "wait=30"}).json()
    assert made["status"] == "succeeded"
    visit(page, server.url)
    expect(finished(page)).to_have_count(len(CORPUS))
    for index, text in enumerate(CORPUS):
        expect(finished(page).nth(index)).to_have_attribute("alt", f"{text}, seed {index + 1}")
        dialog = show(page, index)
        assert dialog.locator(".prompt").evaluate("(each) => each.textContent") == text
        assert_nothing_came_of_it(page)
        page.keyboard.press("Escape")
    for index in (0, 1):
        page.locator(".tile .chip").nth(index).click()
    expect(page.get_by_role("dialog").locator(".differences")).to_contain_text(CORPUS[1])
    assert_nothing_came_of_it(page)


def test_a_prompt_stays_a_text_on_its_way_through_the_address_and_an_own_request(page: Page, server: Harness) -> None:
    hostile = " ".join(CORPUS[:12])
    visit(page, server.url)
    generate(page, hostile)
    expect(finished(page)).to_have_count(1)
    page.reload()
    expect(finished(page)).to_have_attribute("alt", re.compile("^" + re.escape(hostile[:LISTED])))
    assert value(page, "Prompt") == hostile
    assert_nothing_came_of_it(page)
    page.evaluate("document.body.append(document.createElement('iframe'))")
    assert page.evaluate(MADE_FROM_TEXT) == ["<iframe></iframe>"]


def test_names_and_errors_of_a_server_stay_texts(page: Page, server: Harness) -> None:
    hostile = "".join(CORPUS)
    session = {"keys_required": True, "tenant": hostile, "role": "user", "name": hostile, "expires_at": None}
    problem = {"code": "strange", "detail": hostile, "status": 400, "errors": [{"pointer": "/x", "detail": hostile}]}
    page.route("**/api/v1/session", lambda route: route.fulfill(json=session))
    page.route(
        "**/api/v1/jobs",
        lambda route: route.fulfill(status=400, body=json.dumps(problem)),
    )
    visit(page, server.url)
    expect(page.locator(".whose strong")).to_have_text(hostile)
    generate(page)
    expect(page.get_by_role("alert")).to_contain_text(hostile[:100])
    assert_nothing_came_of_it(page)
