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


@pytest.mark.parametrize("allowed", [True, False])
def test_a_manifest_downloads_what_a_server_with_these_settings_would(tmp_path: Path, allowed: bool) -> None:
    asked = []

    def find(model: str, settings: Settings, *, allow_download: bool, digests: bool) -> model_checks.CheckedModel:
        asked.append((model, allow_download, digests))
        raise model_checks.CheckError("It is not there.")

    with pytest.raises(model_checks.CheckError):
        model_checks.manifest_of(Settings(model="owner/name", allow_download=allowed), tmp_path, find)

    assert asked == [("owner/name", allowed, True)]
