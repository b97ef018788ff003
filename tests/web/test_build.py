"""The committed files of the page are built from the committed sources, small, and complete in themselves."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Final

import pytest

from scripts.page_schema import digest, schema_text
from service.web.page import BUILD, DOCS, INDEX, PAGES
from tests.harness.paths import ROOT

WEB: Final = ROOT / "web"
ASSETS: Final = ROOT / "service" / "web" / "assets"
MAX_SCRIPT_BYTES: Final = 30_000
"""Script that the first load takes, compressed."""
MAX_LINES: Final = 300


def sources() -> list[Path]:
    names = ("docs.html", "index.html", "package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")
    return [*(WEB / name for name in names), *(path for path in (WEB / "src").rglob("*") if path.is_file())]


def source_digest() -> str:
    """As `web/scripts/sources.mjs` computes it."""
    named = sorted((path.relative_to(WEB).as_posix(), path) for path in sources())
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}\n" for name, path in named]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def first_scripts(page: str) -> list[Path]:
    """The scripts that the page names, and what these import before they run."""
    waiting = re.findall(r'(?:src|href)="assets/([^"]+\.js)"', (ASSETS / page).read_text())
    found: list[str] = []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            waiting += re.findall(r'(?:from|import)\s*"\./([^"]+\.js)"', (ASSETS / name).read_text())
    return [ASSETS / name for name in found]


def test_the_build_is_that_of_the_sources() -> None:
    recorded = json.loads((ASSETS / BUILD).read_text())
    assert recorded == {"sources": source_digest()}, "run `make web`"


def test_the_types_are_those_of_the_schema() -> None:
    head = (WEB / "src/api/schema.d.ts").read_text().splitlines()[0]
    assert head.endswith(digest(schema_text())), "run `make web`"


@pytest.mark.parametrize("page", PAGES)
def test_the_first_load_takes_little_script(page: str) -> None:
    scripts = first_scripts(page)
    assert scripts
    assert sum(len(gzip.compress(script.read_bytes())) for script in scripts) < MAX_SCRIPT_BYTES


def test_every_file_but_the_page_has_the_hash_of_its_content_in_its_name() -> None:
    names = [path.name for path in ASSETS.iterdir() if path.name not in (*PAGES, BUILD)]
    assert len(names) > 1
    assert [name for name in names if not re.fullmatch(r"\w+-[\w-]{8}\.(js|css)", name)] == []


@pytest.mark.parametrize("name", [INDEX, DOCS])
def test_a_page_holds_no_script_and_no_address_but_those_beside_it(name: str) -> None:
    page = (ASSETS / name).read_text()
    assert re.findall(r"<script[^>]*>[^<]", page) == []
    assert re.findall(r"<style|\bon\w+=|style=", page) == []
    assert [
        url for url in re.findall(r'(?:src|href)="([^"]+)"', page) if not url.startswith(("assets/", "data:"))
    ] == []


@pytest.mark.parametrize("suffix", [".ts", ".tsx", ".css"])
def test_no_source_is_too_long(suffix: str) -> None:
    written = [path for path in sources() if path.suffix == suffix and not path.name.endswith(".d.ts")]
    assert written
    assert [path.name for path in written if len(path.read_text().splitlines()) > MAX_LINES] == []


def test_no_source_sets_markup_from_text() -> None:
    code = "".join(path.read_text() for path in sources() if path.suffix in (".ts", ".tsx"))
    assert "signal" in code
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", code) == []
