"""An added model is a link or a copy in the data folder, with the files beside it, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.catalog import find_models
from service.cli.added_models import AddError, add


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    (folder / "pony/tokenizer").mkdir(parents=True)
    for name in ("pony.safetensors", "pony.vae.safetensors", "other.safetensors"):
        (folder / name).write_text(name)
    (folder / "pony.darkroom.json").write_text('{"vae": "other.safetensors", "default_steps": 3}')
    return folder / "pony.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads/sd"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


@pytest.mark.parametrize("copy", [False, True])
def test_a_file_is_added_with_what_belongs_to_it(copy: bool, file: Path, tmp_path: Path) -> None:
    added = add(file, "pony", tmp_path, copy=copy)
    assert added == tmp_path / "models/pony.safetensors"
    assert {path.name for path in added.parent.iterdir()} == {
        "pony",
        "pony.darkroom.json",
        "pony.safetensors",
        "pony.vae.safetensors",
    }
    assert added.read_text() == "pony.safetensors"
    assert (tmp_path / "models/pony/tokenizer").is_dir()
    assert all(path.is_symlink() is not copy for path in added.parent.iterdir())


def test_paths_in_copied_settings_still_lead_to_the_files_that_they_named(file: Path, tmp_path: Path) -> None:
    add(file, "deep/pony", tmp_path, copy=True)
    settings = json.loads((tmp_path / "models/deep/pony.darkroom.json").read_bytes())
    assert settings == {"vae": str(file.with_name("other.safetensors")), "default_steps": 3}


@pytest.mark.parametrize("copy", [False, True])
def test_a_folder_is_added_under_any_name_and_is_found(copy: bool, folder: Path, tmp_path: Path) -> None:
    added = add(folder, "owner/name", tmp_path, copy=copy)
    assert find_models(tmp_path)["owner/name"] == added
    assert added.is_symlink() is not copy


def test_a_path_may_be_relative(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert add(Path("sd"), "sd", tmp_path, copy=False).resolve() == folder


@pytest.mark.parametrize("there", ["pony.safetensors", "pony.vae.safetensors", "pony"])
def test_nothing_is_overwritten_and_nothing_is_half_added(there: str, file: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / there).symlink_to("nowhere")
    with pytest.raises(AddError, match=rf"{there} is there already\. Give the model another name, with --name\.$"):
        add(file, "pony", tmp_path, copy=False)
    assert [path.name for path in models.iterdir()] == [there]


@pytest.mark.parametrize("name", ["", "/etc", "../up", "a/../b", ".hidden", "bundled"])
def test_names_that_lead_elsewhere_are_refused(name: str, file: Path, tmp_path: Path) -> None:
    with pytest.raises(AddError, match="cannot be the name of a model"):
        add(file, name, tmp_path, copy=False)
