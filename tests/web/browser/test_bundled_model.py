"""The page in a real browser, before the real server with the bundled model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser.visitor import (
    PROMPT,
    download,
    drop,
    fill,
    finished,
    generate,
    open_settings,
    show,
    value,
    visit,
)

pytestmark = pytest.mark.timeout(600)


def test_one_prompt_is_enough_and_the_image_sharpens_while_it_is_made(page: Page, bundled_url: str) -> None:
    visit(page, bundled_url)
    page.evaluate(
        """() => {
            window.seen = new Set();
            new MutationObserver(() => {
                const preview = document.querySelector(".preview");
                if (preview) window.seen.add(preview.src);
            }).observe(document.body, { subtree: true, childList: true, attributes: true });
        }"""
    )
    generate(page)
    expect(finished(page)).to_have_count(1)
    expect(finished(page)).to_have_attribute("alt", re.compile(f"^{PROMPT}, seed \\d+$"))
    assert page.evaluate("window.seen.size") > 1, "previews changed"
    assert page.evaluate("document.querySelector('.open img').naturalWidth") == 128


def test_the_settings_of_an_image_make_the_same_bytes_again(page: Page, bundled_url: str, tmp_path: Path) -> None:
    visit(page, f"{bundled_url}/#prompt=a+blue+star&steps=3&seed=77")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_alt_text("a blue star, seed 77")).to_have_count(1)
    dialog = show(page)
    first = download(page, tmp_path)
    dialog.get_by_role("button", name="Use these settings").click()
    expect(dialog).to_have_count(0)

    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_alt_text("a blue star, seed 77")).to_have_count(2)
    show(page)
    first.rename(tmp_path / "before.png")
    assert download(page, tmp_path).read_bytes() == (tmp_path / "before.png").read_bytes()


def test_images_and_their_settings_are_there_after_a_reload(page: Page, bundled_url: str) -> None:
    visit(page, f"{bundled_url}/#prompt=two+green+squares&steps=4&count=3&seed=5")
    page.get_by_role("button", name="Generate", exact=True).click()
    images = page.get_by_alt_text("two green squares")
    expect(images).to_have_count(3)
    expect(page.locator(".making")).to_have_count(0)
    in_order = [f"two green squares, seed {seed}" for seed in (5, 6, 7)]
    assert [image.get_attribute("alt") for image in images.all()] == in_order

    page.reload()
    expect(images).to_have_count(3)
    assert [image.get_attribute("alt") for image in images.all()] == in_order
    assert value(page, "Prompt") == "two green squares"


def test_a_file_that_is_dropped_brings_its_settings_back(page: Page, bundled_url: str, tmp_path: Path) -> None:
    visit(page, f"{bundled_url}/#prompt=a+yellow+heart&negative=blue&steps=5&guidance=3.5&seed=12")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_alt_text("a yellow heart, seed 12")).to_have_count(1)
    show(page)
    file = download(page, tmp_path)

    page.goto("about:blank")
    visit(page, bundled_url)
    drop(page, file)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("a yellow heart")
    open_settings(page)
    restored = {name: value(page, name) for name in ("Negative prompt", "Steps", "Guidance", "Seed", "Width")}
    assert restored == {
        "Negative prompt": "blue",
        "Steps": "5",
        "Guidance": "3.5",
        "Seed": "12",
        "Width": "128",
    }


def test_one_image_of_several_is_canceled_alone(page: Page, bundled_url: str) -> None:
    visit(page, f"{bundled_url}/#steps=20&count=3&seed=1")
    generate(page, "three circles")
    page.get_by_role("button", name="Cancel: three circles").nth(1).click()
    expect(page.get_by_text("Canceled.", exact=True).first).to_be_visible()
    expect(page.locator(".tile .open img[alt^='three circles']")).to_have_count(2)
    expect(page.locator(".missing")).to_have_count(1)


def test_variations_start_from_the_image(page: Page, bundled_url: str) -> None:
    visit(page, f"{bundled_url}/#prompt=a+purple+moon&steps=4&seed=3")
    page.get_by_role("button", name="Generate", exact=True).click()
    expect(page.get_by_alt_text("a purple moon, seed 3")).to_have_count(1)
    show(page).get_by_role("button", name="Variations").click()
    expect(page.locator(".tile .open img[alt^='a purple moon']")).to_have_count(5)
    facts = show(page).locator(".parameters")
    expect(facts).to_contain_text("Strength")


def test_a_grid_has_an_image_for_each_pair_of_values(page: Page, bundled_url: str) -> None:
    visit(page, f"{bundled_url}/#prompt=a+red+circle&seed=4&steps=2")
    page.get_by_role("button", name="X/Y grid").click()
    dialog = page.get_by_role("dialog")
    across, down = dialog.get_by_role("group", name="Across"), dialog.get_by_role("group", name="Down")
    across.get_by_role("textbox").fill("2-4+2")
    down.get_by_role("combobox").select_option("prompt")
    down.get_by_role("textbox").fill("red, blue")
    dialog.get_by_role("button", name="Make 4 images").click()
    alts = ["a red circle, seed 4", "a red circle, seed 4", "a blue circle, seed 4", "a blue circle, seed 4"]
    expect(dialog.locator(".cell img[alt*=seed]")).to_have_count(4)
    assert [image.get_attribute("alt") for image in dialog.locator(".cell img").all()] == alts
    expect(dialog.get_by_role("columnheader", name="Steps 4")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="X/Y grid").click()
    expect(dialog.locator(".cell img[alt*=seed]")).to_have_count(4)


def test_a_setting_beyond_the_models_limits_says_so_before_anything_is_sent(page: Page, bundled_url: str) -> None:
    visit(page, bundled_url)
    open_settings(page)
    fill(page, "Steps", "100000")
    expect(page.get_by_text(re.compile("Choose a whole number from 1 to"))).to_be_visible()
    generate(page)
    expect(page.get_by_role("alert")).to_contain_text("Choose a whole number")
    expect(page.locator(".making")).to_have_count(0)
