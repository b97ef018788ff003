"""The built image, once for all tests of this folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.image import KEPT, USER, Builder, Image, base, wheels


@pytest.fixture(scope="session")
def image() -> Iterator[Image]:
    """The target cpu, built and mounted."""
    assert os.geteuid() == 0, "make e2e must be root: it makes the root of an image and enters it"
    KEPT.mkdir(parents=True, exist_ok=True)
    storage = KEPT / "storage"
    shutil.rmtree(storage, ignore_errors=True)
    build = Builder(storage)
    try:
        build.import_base(base())
        yield build.mount(build.build("cpu", wheels()))
    finally:
        build("umount", "--all")
        shutil.rmtree(storage, ignore_errors=True)


@pytest.fixture
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume of the image's user."""
    folder = tmp_path_factory.mktemp("volume")
    os.chown(folder, USER, USER)
    return folder
