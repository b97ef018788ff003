"""Writes the screenshots of the page in docs/images: `python -m scripts.page_shots URL FOLDER`.

The server at URL should have the bundled model and an empty folder of data. The images are those that it makes.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

WIDTHS: Final = {"phone": (390, 844), "tablet": (820, 1000), "desktop": (1360, 820)}
DRAWN: Final = {
    "phone": "two+blue+squares",
    "tablet": "a+purple+star",
    "desktop": "a+green+heart+above+a+yellow+circle",
}
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
PROMPTS: Final = (
    "a yellow star to the left of a blue heart",
    "three green circles on a white background",
    "a purple moon above a red square",
    "two orange triangles",
    "a blue square on a yellow background",
    "four white stars on a black background",
    "a green triangle to the right of a red circle",
    "a large orange circle",
    "two red hearts",
)
SHARP: Final = "[...document.querySelectorAll('.preview')].filter((each) => each.dataset.step > 20).length"
"""Counts the previews that show something."""
CHROMIUM: Final = "/usr/bin/chromium"


def fill_gallery(page: Page, url: str) -> None:
    page.goto(f"{url}/#seed=1")
    for count, prompt in enumerate(PROMPTS, 1):
        page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
        page.keyboard.press("Enter")
        expect(page.locator(".tile .open img")).to_have_count(count, timeout=120_000)


def keep(page: Page, file: Path) -> None:
    """Keeps the file small by a palette."""
    page.screenshot(path=file)
    with Image.open(file) as image:
        image.convert("RGB").quantize(256).save(file, optimize=True)


def shoot(browser: Browser, url: str, folder: Path, name: str, scheme: Literal["light", "dark"]) -> None:
    """The page with two images in the making and, on the desktop, one at full size."""
    width, height = WIDTHS[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{url}/#prompt={DRAWN[name]}&count=2&steps=60")
    expect(page.locator(".tile .open img").first).to_be_visible()
    if name == "desktop":
        page.locator(".settings > summary").click()
    page.get_by_role("button", name="Generate", exact=True).click()
    while page.evaluate(SHARP) < 2:
        page.wait_for_timeout(20)
    keep(page, folder / f"page-{name}-{scheme}.png")
    expect(page.locator(".making")).to_have_count(0, timeout=120_000)
    if name == "desktop":
        page.locator(".tile .open").nth(3).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.wait_for_timeout(300)
        keep(page, folder / f"page-image-{scheme}.png")
    context.close()


def shoot_mask(browser: Browser, url: str, folder: Path, scheme: Literal["light", "dark"]) -> None:
    """The newest image with a mask that is being painted on it."""
    context = browser.new_context(viewport={"width": 1360, "height": 820}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(url)
    page.locator(".tile .open").first.click()
    page.get_by_role("button", name="Start from it").click()
    page.locator(".settings > summary").click()
    page.get_by_role("button", name="Paint a mask").click()
    box = page.get_by_role("application").bounding_box()
    assert box is not None
    across, down = box["width"] / 10, box["height"] / 10
    page.mouse.move(box["x"] + 2 * across, box["y"] + 3 * down)
    page.mouse.down()
    for x, y in ((4, 5), (6, 4), (7, 6)):
        page.mouse.move(box["x"] + x * across, box["y"] + y * down, steps=4)
    page.mouse.up()
    expect(page.locator(".notice")).to_have_count(0)
    keep(page, folder / f"page-mask-{scheme}.png")
    context.close()


def main(url: str, folder: Path) -> None:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        fill_gallery(browser.new_page(), url)
        for name in WIDTHS:
            for scheme in SCHEMES:
                shoot(browser, url, folder, name, scheme)
        for scheme in SCHEMES:
            shoot_mask(browser, url, folder, scheme)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
