"""Tiny models as single files, with the folder that each was made of."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.models import original_layout
from tests.harness.models.zoo import writer

ARCHITECTURES = {
    "sd15": "sd1",
    "sd_inpaint": "sd1",
    "instruct_pix2pix": "sd1",
    "sd21": "sd2",
    "sdxl": "sdxl",
    "sdxl_inpaint": "sdxl",
    "ssd_1b": "sdxl",
    "sdxl_refiner": "refiner",
}
"""Kinds of tiny models, and the architecture whose original keys they have."""

GetFolder = Callable[[str], Path]
MakeFile = Callable[..., Path]


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> GetFolder:
    """Writes the model folder of a kind of the zoo, once. Tests must not write to it."""
    folders: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = writer.write(kind, tmp_path_factory.mktemp("zoo") / kind)
        return folders[kind]

    return get


@pytest.fixture
def file_of(folder_of: GetFolder, tmp_path: Path) -> MakeFile:
    """Writes the single file of a kind of the zoo, with its configurations beside it: no tiny model has the usual ones.

    `change` may change the weights, by their original names, before they are written.
    """

    def make(kind: str, change: Callable[[original_layout.Weights], object] = lambda _: None, stem: str = "x") -> Path:
        folder = folder_of(kind)
        weights = original_layout.convert(folder, ARCHITECTURES[kind])
        change(weights)
        shutil.copytree(folder, tmp_path / stem, ignore=shutil.ignore_patterns("*.safetensors"), dirs_exist_ok=True)
        return original_layout.save(weights, tmp_path / f"{stem}.safetensors")

    return make
