"""What all tests share: nothing that is tested writes where its user's own data are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def data_dir_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("data")
    before = os.environ.get("DARKROOM_DATA_DIR")
    os.environ["DARKROOM_DATA_DIR"] = str(folder)
    yield folder
    if before is None:
        del os.environ["DARKROOM_DATA_DIR"]
    else:
        os.environ["DARKROOM_DATA_DIR"] = before
