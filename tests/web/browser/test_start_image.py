"""Images start from others: one that is chosen in the page, and a mask that is painted on it or chosen as a file."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from pipelines.fake import INFO
from tests.harness.wire.http_server import Harness
from tests.web.browser.visitor import fill, finished, fold, generate, last_request, open_settings, show, visit

pytestmark = pytest.mark.timeout(300)


def png(size: tuple[int, int] = (128, 128), color: str = "white") -> FilePayload:
    """A file for a file field."""
    data = BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return {"name": "image.png", "mimeType": "image/png", "buffer": data.getvalue()}


def start_from_a_file(page: Page, server: Harness) -> None:
    """Visits the page and starts from a red image."""
    visit(page, server.url)
    open_settings(page)
    fold(page, "Start from an image").click()
    page.get_by_label("Choose an image").set_input_files(png(color="red"))
    expect(page.locator(".sources img")).to_have_count(1)


def paint(page: Page) -> Locator:
    """Opens the dialog to paint the mask, and returns what is painted on."""
    page.get_by_role("button", name=re.compile("^Paint")).click()
    easel = page.get_by_role("application", name="The mask over the image")
    expect(easel).to_be_visible()
    return easel


def stored(server: Harness, sha256: str) -> Image.Image:
    """An upload as the server keeps it."""
    (file,) = server.data_dir.rglob(f"*{sha256}*")
    return Image.open(file)


def test_a_mask_is_painted_and_repaints_that_part_alone(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#seed=1")
    generate(page)
    expect(finished(page)).to_have_count(1)
    show(page).get_by_role("button", name="Start from it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    open_settings(page)
    box = paint(page).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    page.get_by_role("button", name="Use this mask").click()
    page.get_by_role("checkbox", name="Keep what is not painted").check()
    generate(page, "a star")
    expect(finished(page)).to_have_count(2)

    asked = last_request(server)
    assert asked["strength"] == 1.0
    assert asked["keep_unmasked"]
    mask = stored(server, asked["mask"]).convert("L")
    assert [mask.getpixel(at) for at in ((32, 64), (48, 64), (64, 64), (90, 64), (48, 20))] == [255, 255, 255, 0, 0]

    show(page).get_by_role("button", name="Use these settings").click()
    generate(page, "a heart")
    expect(finished(page)).to_have_count(3)
    again = last_request(server)
    assert {name: again[name] for name in ("image", "mask", "keep_unmasked")} == {
        name: asked[name] for name in ("image", "mask", "keep_unmasked")
    }


def test_the_keys_paint_and_undo(page: Page, server: Harness) -> None:
    start_from_a_file(page, server)
    easel = paint(page)
    share = page.get_by_role("dialog").get_by_text(re.compile("of the image is made anew|Nothing is painted"))
    expect(share).to_have_text("Nothing is painted yet.")
    easel.focus()
    page.keyboard.press("Space")
    dab = share.inner_text()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    expect(share).not_to_have_text(dab)
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(share).to_have_text("Nothing is painted yet.")
    page.get_by_role("button", name="Invert").click()
    expect(share).to_have_text("100 % of the image is made anew.")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("button", name="Use this mask")).to_be_disabled()


def test_a_finger_paints(browser: Browser, server: Harness) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    start_from_a_file(page, server)
    paint(page).tap()
    expect(page.get_by_text(re.compile("^[1-9]\\d? % of the image"))).to_be_visible()
    page.get_by_role("button", name="Use this mask").tap()
    expect(page.locator(".sources img")).to_have_count(2)
    context.close()


def test_a_mask_is_chosen_as_a_file_of_the_images_size(page: Page, server: Harness) -> None:
    start_from_a_file(page, server)
    page.get_by_label("Mask file").set_input_files(png((64, 64)))
    expect(page.get_by_role("alert")).to_contain_text("Choose a mask of its size.")
    page.get_by_label("Mask file").set_input_files(png())
    expect(page.locator(".sources img")).to_have_count(2)
    fill(page, "Strength", "0.5")
    fill(page, "Left", "64")
    page.get_by_role("combobox", name="Proportions").select_option("Stretch")
    with page.expect_request(lambda each: each.method == "POST" and each.url.endswith("/jobs")) as sent:
        generate(page)
    expect(finished(page)).to_have_count(1)
    body = json.loads(sent.value.post_data or "")
    assert body["extend"] == {"left": 64}
    assert body["resize_mode"] == "stretch"
    assert body["strength"] == 0.5
    assert len(body["mask"]) == 64


def test_a_reload_keeps_the_image_and_a_link_says_that_it_cannot_carry_it(page: Page, server: Harness) -> None:
    start_from_a_file(page, server)
    fill(page, "Prompt", "a star")
    page.reload()
    generate(page, "a star")
    expect(finished(page)).to_have_count(1)
    assert last_request(server)["image"] is not None
    link = page.url
    assert "without=image" in link

    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    visit(page, link)
    expect(page.get_by_text("A link carries no images.")).to_be_visible()
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no link carries")
    open_settings(page)
    page.get_by_role("button", name="Start from noise").click()
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(finished(page)).to_have_count(2)
    assert last_request(server)["image"] is None

    page.goto(link)
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no link carries")


def test_a_model_that_edits_has_image_guidance_and_no_strength(page: Page, server: Harness) -> None:
    server.engine.info = replace(INFO, input_kinds=("image",), reads_image=True)
    start_from_a_file(page, server)
    expect(page.get_by_role("textbox", name="Strength")).to_have_count(0)
    expect(page.get_by_text("Mask file")).to_have_count(0)
    expect(fold(page, "Hires fix")).to_have_count(0)
    fold(page, "Prompt and guidance").click()
    fill(page, "Image guidance", "2")
    generate(page, "make it blue")
    expect(finished(page)).to_have_count(1)
    assert last_request(server)["image_guidance_scale"] == 2.0


def test_a_model_without_images_offers_none(page: Page, server: Harness) -> None:
    server.engine.info = replace(INFO, input_kinds=())
    visit(page, server.url)
    open_settings(page)
    expect(fold(page, "Hires fix")).to_be_visible()
    expect(fold(page, "Start from an image")).to_have_count(0)
