"""The program that looks into models is run with the settings, and its answer is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.cli import model_checks
from service.cli.model_checks import CheckError
from service.settings import Settings

pytestmark = pytest.mark.integration


def test_a_model_that_can_be_served_has_a_name_and_a_place(tmp_path: Path) -> None:
    found = model_checks.find("bundled", Settings(data_dir=tmp_path), allow_download=False)
    assert found.name == "bundled"
    assert (found.path / "model_index.json").is_file()


def test_the_reason_of_a_refusal_is_the_programs(tmp_path: Path) -> None:
    with pytest.raises(CheckError, match=f"^There is no folder or file {tmp_path}/x"):
        model_checks.find(str(tmp_path / "x"), Settings(data_dir=tmp_path), allow_download=False)


def test_a_program_that_dies_is_reported(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, device="no such device")
    with pytest.raises(CheckError):
        model_checks.find("bundled", settings, allow_download=False)
