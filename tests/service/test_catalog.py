"""Models are found in the data folder, beside the bundled one, and in folders that other programs have."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.catalog import BUNDLED, find_models, find_models_in


def make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


def make_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_bundled_model_is_always_there(tmp_path: Path) -> None:
    folder = find_models(tmp_path)[BUNDLED]
    assert (folder / "model_index.json").is_file()


def test_models_are_folders_with_an_index_and_safetensors_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder, file = make_folder(tmp_path / "models/sd"), make_file(tmp_path / "models/anime.v2.safetensors")
    (tmp_path / "models/no-model").mkdir()
    make_file(tmp_path / "models/old.ckpt")
    found = find_models(tmp_path)
    assert list(found) == [BUNDLED, "anime.v2", "sd"]
    assert (found["anime.v2"], found["sd"]) == (file, folder)


def test_subfolders_are_part_of_the_name(tmp_path: Path) -> None:
    make_file(tmp_path / "xl/anime/pony.safetensors")
    make_folder(tmp_path / "xl/base")
    assert list(find_models_in(tmp_path)) == ["xl/anime/pony", "xl/base"]


def test_what_belongs_to_a_model_is_no_model(tmp_path: Path) -> None:
    make_file(tmp_path / "a.safetensors")
    make_file(tmp_path / "a.vae.safetensors")
    make_folder(tmp_path / "a")
    make_file(make_folder(tmp_path / "b") / "unet/diffusion_pytorch_model.safetensors")
    make_file(tmp_path / ".hidden/c.safetensors")
    assert find_models_in(tmp_path) == {"a": tmp_path / "a.safetensors", "b": tmp_path / "b"}


@pytest.mark.parametrize(
    ("root", "models"),
    [
        (".", "models/Stable-diffusion"),
        ("models", "models/Stable-diffusion"),
        ("models/Stable-diffusion", "models/Stable-diffusion"),
        (".", "models/checkpoints"),
        ("models", "models/checkpoints"),
    ],
)
def test_folders_of_a1111_and_comfyui_are_searched_where_they_have_models(
    root: str, models: str, tmp_path: Path
) -> None:
    file = make_file(tmp_path / models / "xl/pony.safetensors")
    make_file(tmp_path / "models/Lora/style.safetensors")
    make_file(tmp_path / "models/loras/style.safetensors")
    assert find_models_in(tmp_path / root) == {"xl/pony": file}


def test_a_hub_cache_has_the_snapshots_of_its_main_branches(tmp_path: Path) -> None:
    repository = tmp_path / "models--owner--some-name"
    snapshot = make_folder(repository / "snapshots/abc")
    make_file(repository / "refs/main").write_text("abc")
    make_folder(tmp_path / "models--owner--half/snapshots/abc")
    make_file(tmp_path / "models--owner--gone/refs/main").write_text("def")
    assert find_models_in(tmp_path) == {"owner/some-name": snapshot}


def test_links_are_followed_but_never_in_circles(tmp_path: Path) -> None:
    file = make_file(tmp_path / "elsewhere/pony.safetensors")
    root = tmp_path / "models"
    root.mkdir()
    (root / "linked").symlink_to(file.parent)
    (root / "back").symlink_to(root)
    assert find_models_in(root) == {"linked/pony": root / "linked/pony.safetensors"}


def test_a_model_cannot_take_the_name_of_the_bundled_one(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "models" / BUNDLED)
    assert find_models(tmp_path)[BUNDLED] != folder


def test_a_data_folder_that_cannot_be_read_has_no_models() -> None:
    too_long = Path("/", "x" * 300)
    with pytest.raises(OSError, match="too long"):
        too_long.stat()
    assert list(find_models(too_long)) == [BUNDLED]
