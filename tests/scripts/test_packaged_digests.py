"""The shipped manifest has the digests of the shipped model files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.integrity import manifest
from scripts.packaged_digests import FOLDERS, packaged

SHIPPED = manifest.PACKAGED.parent


def test_the_manifest_lists_the_files_as_they_are() -> None:
    assert manifest.PACKAGED.read_text() == packaged(), "run `make docs`"


@pytest.mark.parametrize("folder", FOLDERS)
def test_everything_that_could_be_opened_is_listed(folder: str) -> None:
    opened = [path for path in (SHIPPED / folder).rglob("*") if path.suffix in (".json", ".txt", ".safetensors")]
    missing = {path for path in opened if manifest.packaged().find(path) is None}
    assert opened
    assert missing <= {SHIPPED / "bundled/training.json"}, "which no server opens"


def test_it_is_part_of_the_package() -> None:
    assert manifest.PACKAGED.name in (Path(__file__).parents[2] / "pyproject.toml").read_text()
