"""The parameters of an image are read from the web UI's text as the web UI reads them."""

from __future__ import annotations

import pytest

from service.api.dialects.a1111.texts.infotext import parse_infotext

THEIRS = (
    "a red circle,\ntwo lines\nNegative prompt: blurry,\nugly\n"
    "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 965400086, Size: 512x768, "
    'Model hash: 45dee52b, Model: "one, two", Version: v1.10.1'
)


def test_prompts_and_settings_are_read_by_their_names() -> None:
    assert parse_infotext(THEIRS) == {
        "Prompt": "a red circle,\ntwo lines",
        "Negative prompt": "blurry,\nugly",
        "Steps": "20",
        "Sampler": "Euler a",
        "Schedule type": "Karras",
        "CFG scale": "7",
        "Seed": "965400086",
        "Size-1": "512",
        "Size-2": "768",
        "Model hash": "45dee52b",
        "Model": "one, two",
        "Version": "v1.10.1",
    }


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a red circle", {"Prompt": "a red circle", "Negative prompt": ""}),
        ("time: 10, place: here", {"Prompt": "time: 10, place: here", "Negative prompt": ""}),
        (f"{'a' * 70}: 1, B2: 1, C3: 2, D4: 3", {"Prompt": "", "Negative prompt": "", "B2": "1", "C3": "2", "D4": "3"}),
        ('x\nA1: "u\\q", B2: 1, C3: 2', {"Prompt": "x", "Negative prompt": "", "A1": '"u\\q"', "B2": "1", "C3": "2"}),
    ],
)  # fmt: skip
def test_a_text_with_few_settings_is_a_prompt(text: str, found: dict[str, str]) -> None:
    assert parse_infotext(text) == found
