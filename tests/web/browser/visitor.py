"""Acts in the page as a visitor does, and reads what a visitor sees, by the names that the page gives to things."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.harness.wire.http_server import Harness

PROMPT = "a red circle on a white background"


def visit(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()


def open_settings(page: Page) -> None:
    page.locator(".settings > summary").click()


def fold(page: Page, name: str) -> Locator:
    """The heading of settings that are folded together."""
    return page.locator(".fold > summary").filter(has_text=name)


def unfold(page: Page) -> None:
    """Opens the settings, and all that is folded in them."""
    open_settings(page)
    fold(page, "File").wait_for()
    page.evaluate("document.querySelectorAll('.fold').forEach((each) => (each.open = true))")


def fill(page: Page, field: str, value: str) -> None:
    page.get_by_role("textbox", name=field, exact=True).fill(value)


def generate(page: Page, prompt: str = PROMPT) -> None:
    fill(page, "Prompt", prompt)
    page.get_by_role("button", name="Generate", exact=True).click()


def finished(page: Page) -> Locator:
    """The tiles of finished images."""
    return page.locator(".tile .open img")


def show(page: Page, index: int = 0) -> Locator:
    """Opens an image at full size, and returns the dialog."""
    page.locator(".tile .open").nth(index).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


def download(page: Page, folder: Path) -> Path:
    """Downloads the image that is shown at full size."""
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    file = folder / waited.value.suggested_filename
    waited.value.save_as(file)
    return file


def drop(page: Page, file: Path, mime: str = "image/png") -> None:
    """Drops a file onto the page."""
    transfer = page.evaluate_handle(
        """([data, name, mime]) => {
            const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, { type: mime }));
            return transfer;
        }""",
        [_base64(file), file.name, mime],
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def _base64(file: Path) -> str:

    return base64.b64encode(file.read_bytes()).decode()


def value(page: Page, field: str) -> str:
    return page.get_by_role("textbox", name=field, exact=True).input_value()


def last_request(server: Harness) -> dict[str, Any]:
    """The request of the newest job, with all defaults."""
    job: dict[str, Any] = server.client.get("/api/v1/jobs", params={"limit": 1}).json()["data"][0]
    request: dict[str, Any] = server.client.get(job["urls"]["self"]).json()["request"]
    return request


def accessibility_problems(page: Page, axe: str) -> list[dict[str, Any]]:
    """Returns the serious faults that axe-core finds."""
    page.evaluate(axe)
    found: dict[str, Any] = page.evaluate("axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'best-practice'] })")
    return [
        {"id": each["id"], "nodes": [node["html"][:200] for node in each["nodes"]]}
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
