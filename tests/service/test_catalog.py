"""Models are found in the data folder, beside the bundled one, and have the names of their folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.catalog import BUNDLED, find_models, locate


def make_model(data_dir: Path, name: str) -> Path:
    folder = data_dir / "models" / name
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


def test_the_bundled_model_is_always_there(tmp_path: Path) -> None:
    (folder,) = find_models(tmp_path).values()
    assert locate(BUNDLED, tmp_path) == str(folder)
    assert (folder / "model_index.json").is_file()


def test_models_are_the_folders_that_have_an_index_in_order_of_their_names(tmp_path: Path) -> None:
    second, first = make_model(tmp_path, "sd"), make_model(tmp_path, "anime")
    (tmp_path / "models" / "no-model").mkdir()
    (tmp_path / "models" / "file").touch()
    found = find_models(tmp_path)
    assert list(found) == [BUNDLED, "anime", "sd"]
    assert (found["anime"], found["sd"]) == (first, second)


def test_a_folder_cannot_take_the_name_of_the_bundled_model(tmp_path: Path) -> None:
    folder = make_model(tmp_path, BUNDLED)
    assert find_models(tmp_path)[BUNDLED] != folder


def test_a_name_stands_for_its_folder_and_any_other_text_for_itself(tmp_path: Path) -> None:
    folder = make_model(tmp_path, "sd")
    assert locate("sd", tmp_path) == str(folder)
    assert locate("/elsewhere/sd", tmp_path) == "/elsewhere/sd"
    assert locate("owner/name", tmp_path) == "owner/name"


def test_a_data_folder_that_cannot_be_read_has_no_models() -> None:
    too_long = Path("/", "x" * 300)
    with pytest.raises(OSError, match="too long"):
        too_long.stat()
    assert list(find_models(too_long)) == [BUNDLED]
