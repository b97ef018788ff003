"""The folder in which a server keeps images."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.images.storage import ImageFolder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data" / "images"


@pytest.fixture
def folder(root: Path) -> ImageFolder:
    return ImageFolder(root)
