"""The settings file beside a single file, and the paths in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.checkpoints.single_file import settings
from pipelines.checkpoints.single_file.settings import FileSettings
from pipelines.errors import ModelLoadError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.v2.safetensors"


def write(path: Path, **fields: object) -> FileSettings:
    settings.settings_path(path).write_text(json.dumps(fields))
    return settings.read(path)


def test_the_settings_file_has_the_files_name(path: Path) -> None:
    assert settings.settings_path(path).name == "a.v2.darkroom.json"
    assert settings.companion(path).name == "a.v2"


def test_a_file_without_settings_has_the_defaults(path: Path) -> None:
    assert settings.read(path) == FileSettings()


def test_it_has_the_fields_of_a_profile_and_its_own(path: Path) -> None:
    given = write(path, default_steps=8, aliases=["ours"], prediction_type="v_prediction", ema=True)
    assert (given.default_steps, given.aliases) == (8, ["ours"])
    assert (given.prediction_type, given.ema) == ("v_prediction", True)


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"prediction": "v"}, "unknown field"), ({"prediction_type": "v"}, "prediction_type"), ({"ema": 1}, "ema")],
)
def test_what_it_does_not_know_is_an_error(fields: dict[str, object], message: str, path: Path) -> None:
    with pytest.raises(ModelLoadError, match=rf"a\.v2\.darkroom\.json cannot be used: .*{message}"):
        write(path, **fields)


def test_paths_are_relative_to_the_folder_of_the_settings(path: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert settings.find_override(path, write(path, vae="other"), "vae") == tmp_path / "other"
    absolute = write(path, vae=str(tmp_path / "other"))
    assert settings.find_override(path, absolute, "vae") == tmp_path / "other"


def test_paths_in_a_linked_settings_file_are_relative_to_the_file_that_it_links_to(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere/other").mkdir(parents=True)
    real = tmp_path / "elsewhere/real.json"
    real.write_text('{"vae": "other"}')
    settings.settings_path(path).symlink_to(real)
    assert settings.find_override(path, settings.read(path), "vae") == tmp_path / "elsewhere/other"


def test_a_path_that_leads_nowhere_is_named(path: Path, tmp_path: Path) -> None:
    given = write(path, text_encoder="missing")
    message = rf"a\.v2\.darkroom\.json: text_encoder names {tmp_path / 'missing'}, which does not exist\.$"
    with pytest.raises(ModelLoadError, match=message):
        settings.find_override(path, given, "text_encoder")


def test_an_autoencoder_beside_the_file_is_taken_as_a1111_does(path: Path, tmp_path: Path) -> None:
    assert settings.find_override(path, FileSettings(), "vae") is None
    beside = tmp_path / "a.v2.vae.safetensors"
    beside.touch()
    assert settings.find_override(path, FileSettings(), "vae") == beside
    assert settings.find_override(path, FileSettings(), "text_encoder") is None
    assert settings.find_override(path, FileSettings(), "unet") is None
