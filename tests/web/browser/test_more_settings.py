"""The settings that few images need: what is chosen is asked for, and comes back from images, files and links."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from pipelines.fake import INFO
from tests.harness.wire.http_server import Harness
from tests.web.browser.visitor import (
    accessibility_problems,
    download,
    drop,
    fill,
    finished,
    generate,
    last_request,
    show,
    unfold,
    value,
    visit,
)

pytestmark = pytest.mark.timeout(300)


def choose(page: Page, field: str, value: str) -> None:
    page.get_by_role("combobox", name=field, exact=True).select_option(value)


def made_with(page: Page, server: Harness) -> dict[str, Any]:
    """The request of the image that the form makes, with all defaults."""
    before = finished(page).count()
    generate(page)
    expect(finished(page)).to_have_count(before + 1)
    return last_request(server)


def test_a_hires_fix_comes_back_from_the_image_its_file_and_its_link(
    page: Page, server: Harness, tmp_path: Path
) -> None:
    visit(page, server.url)
    unfold(page)
    choose(page, "Hires fix", "Enlarge by a factor")
    fill(page, "Factor", "1.5")
    fill(page, "2nd steps", "6")
    fill(page, "2nd strength", "0.5")
    choose(page, "Upscaler", "Lanczos")
    fill(page, "Width", "192")
    fill(page, "Height", "192")
    asked = made_with(page, server)
    assert asked["hires"] == {"width": 128, "height": 128, "steps": 6, "strength": 0.5, "upscaler": "decoded"}

    dialog = show(page)
    expect(dialog.locator(".parameters")).to_contain_text("from 128 × 128, 6 steps, strength 0.5, Lanczos")
    file = download(page, tmp_path)
    dialog.get_by_role("button", name="Use these settings").click()
    page.reload()
    assert made_with(page, server)["hires"] == asked["hires"]

    page.goto("about:blank")
    visit(page, server.url)
    drop(page, file)
    expect(page).to_have_url(re.compile("hires=scale"))
    assert made_with(page, server)["hires"] == asked["hires"]


def test_a_refiner_is_offered_where_there_is_another_model(page: Page, server: Harness) -> None:
    server.engine.served.others = [replace(INFO, name="finisher")]
    visit(page, server.url)
    unfold(page)
    choose(page, "Refiner", "finisher")
    fill(page, "Switch at", "0.6")
    assert made_with(page, server)["refiner"] == {"model": "finisher", "switch_at": 0.6}
    choose(page, "Hires fix", "Enlarge from a size")
    fill(page, "1st width", "64")
    fill(page, "1st height", "64")
    expect(page.get_by_text("either a hires fix or a refiner")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = false))")
    generate(page)
    expect(page.get_by_role("combobox", name="Refiner")).to_be_focused()
    choose(page, "Refiner", "None")
    hires = made_with(page, server)["hires"]
    assert (hires["width"], hires["height"]) == (64, 64)


def test_guidance_length_told_sizes_and_file_are_asked_for(page: Page, server: Harness) -> None:
    visit(page, server.url)
    unfold(page)
    expect(page.get_by_role("combobox", name="Refiner")).to_have_count(0)
    fill(page, "Guidance rescale", "0.7")
    page.get_by_role("checkbox", name="Long prompt").check()
    fill(page, "Original width", "512")
    expect(page.get_by_text("Give the width and the height, or neither.")).to_be_visible()
    fill(page, "Original height", "256")
    fill(page, "Crop top", "8")
    choose(page, "File format", "WEBP")
    fill(page, "Quality", "80")
    fill(page, "Deadline (s)", "600")
    wanted = {
        "guidance_rescale": 0.7,
        "long_prompt": True,
        "original_size": [512, 256],
        "crop": [0, 8],
        "target_size": None,
        "output_format": "webp",
        "output_compression": 80,
        "deadline_s": 600.0,
    }
    asked = made_with(page, server)
    assert {name: asked[name] for name in wanted} == wanted
    page.get_by_role("button", name="Reset settings").click()
    assert value(page, "Guidance rescale") == ""
    show(page).get_by_role("button", name="Use these settings").click()
    again = made_with(page, server)
    assert {name: again[name] for name in wanted} == wanted | {"deadline_s": None}


def test_an_axis_of_a_grid_is_a_number_of_random_seeds(page: Page, server: Harness) -> None:
    visit(page, f"{server.url}/#prompt=x")
    page.get_by_role("button", name="X/Y grid").click()
    dialog = page.get_by_role("dialog")
    across = dialog.get_by_role("group", name="Across")
    across.get_by_role("combobox").select_option("Random seeds")
    across.get_by_role("textbox").fill("three")
    expect(dialog.get_by_text("Write how many random seeds there are to be")).to_be_visible()
    across.get_by_role("textbox").fill("3")
    dialog.get_by_role("button", name="Make 3 images").click()
    expect(dialog.locator(".cell img[alt*=seed]")).to_have_count(3)
    headers = dialog.get_by_role("columnheader", name=re.compile("^Seed \\d+$")).all_inner_texts()
    assert len(set(headers)) == 3
    alts = [image.get_attribute("alt") for image in dialog.locator(".cell img").all()]
    assert alts == [f"x, {header.lower()}" for header in headers]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_of_it_is_accessible_and_fits_a_narrow_phone(page: Page, server: Harness, axe: str, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]  # one of its literals
    page.set_viewport_size({"width": 320, "height": 700})
    server.engine.served.others = [replace(INFO, name="a-model-with-a-name-that-is-far-too-long-for-a-phone")]
    visit(page, f"{server.url}/#seed=1")
    generate(page)
    expect(finished(page)).to_have_count(1)
    show(page).get_by_role("button", name="Start from it").click()
    expect(page.get_by_text("The next images start from this one.")).to_be_visible()
    unfold(page)
    choose(page, "Hires fix", "Enlarge from a size")
    fill(page, "Guidance rescale", "x")
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) <= 0
    assert accessibility_problems(page, axe) == []
    page.get_by_role("button", name="Paint a mask").click()
    expect(page.get_by_role("application")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= innerWidth")
    assert accessibility_problems(page, axe) == []
