"""The tables of `docs/settings.md`."""

from __future__ import annotations

import pytest

from scripts.settings_page import render
from service.setting_groups.fields import Section
from tests.harness.paths import ROOT

HEADINGS = "".join(f"## {section}\n\nWords.\n\n| before | table |\n|---|---|\n\n" for section in Section)


def test_the_page_is_what_the_declarations_say() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    assert render(page) == page, "run `make docs`"


def test_tables_are_replaced_and_words_stay() -> None:
    page = render(HEADINGS)
    assert "| before |" not in page
    assert page.count("Words.") == len(Section)
    assert "| `DARKROOM_PORT` | `--port` | `port` | `8000` | Port of the API. 0 lets the system choose. |" in page
    assert "| `--models` | `models`, a list, a table `[models]` |" in page
    assert "| `--config` |  |" in page, "the file does not name itself"


def test_a_section_without_a_table_is_an_error() -> None:
    with pytest.raises(ValueError, match=Section.LOG):
        render(HEADINGS.replace(f"## {Section.LOG}", "## Something else"))
