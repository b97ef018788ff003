"""The pages about families and adapters name files that exist, and all members of the Family protocol."""

from __future__ import annotations

import re

import pytest

from pipelines.families.base import Family
from tests.harness.paths import ROOT

PAGES = ["add-a-model-family.md", "add-a-sampler.md", "add-an-adapter.md"]


def read(page: str) -> str:
    return (ROOT / "docs" / "how-to" / page).read_text()


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists_unless_it_is_to_be_made(page: str) -> None:
    existing = re.sub(r"^## Files to make\n.*?(?=^## )", "", read(page), flags=re.MULTILINE | re.DOTALL)
    paths = [path for path in re.findall(r"`([\w./]+/[\w./]*)`", existing) if "NAME" not in path]

    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_files_that_are_to_be_made_do_not_exist_yet() -> None:
    (section,) = re.findall(r"^## Files to make\n(.*?)^## ", read("add-an-adapter.md"), re.MULTILINE | re.DOTALL)

    assert not [path for path in re.findall(r"`([\w./]+/[\w./]*)`", section) if (ROOT / path).exists()]


def test_the_family_page_shows_every_member_of_the_protocol() -> None:
    members = [name for name in vars(Family) if not name.startswith("_")]

    assert len(members) <= 5
    page = read("add-a-model-family.md")
    assert [name for name in members if not re.search(rf"^    (?:def {name}\(|{name} = )", page, re.MULTILINE)] == []
