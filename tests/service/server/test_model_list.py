"""The setting that lists models is read as names, paths and folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from service.server.model_list import ListedModel, ModelListError, listed_models


def models_of(folder: Path) -> Mapping[str, Path]:
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/model_index.json"))}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / "root" / name).mkdir(parents=True)
        (tmp_path / "root" / name / "model_index.json").touch()
    (tmp_path / "anime.v2.safetensors").touch()
    return tmp_path / "root"


def listed(text: str, known: Mapping[str, Path] | None = None) -> list[ListedModel]:
    return listed_models(text, known or {}, models_of)


def test_a_known_name_stands_for_its_folder(root: Path) -> None:
    assert listed("mine", {"mine": root / "one"}) == [("mine", str(root / "one"))]


def test_the_name_of_a_path_or_a_hub_id_is_left_to_its_files(root: Path) -> None:
    file = root.parent / "anime.v2.safetensors"

    assert listed(f"{root}/one, {file},owner/name") == [
        ("", f"{root}/one"),
        ("", str(file)),
        ("", "owner/name"),
    ]


def test_a_name_can_be_given(root: Path) -> None:
    assert listed(f"nice={root}/one,alias=mine", {"mine": root / "two"}) == [
        ("nice", f"{root}/one"),
        ("alias", f"{root}/two"),
    ]


def test_a_folder_of_models_stands_for_all_of_them(root: Path) -> None:
    assert [model.name for model in listed(str(root))] == ["one", "two"]


def test_a_model_that_is_listed_twice_is_served_once(root: Path) -> None:
    assert len(listed(f"{root}/one,{root}/one")) == 1


def test_a_name_that_is_too_long_for_a_path_is_left_to_the_loader() -> None:
    assert listed("x" * 5000) == [("", "x" * 5000)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("ours={root}/one,ours={root}/two", "Two models are called ours"),
        ("all={root}", "cannot have one name"),
        ("={root}/one", "has no name"),
    ],
)
def test_a_list_that_cannot_be_read_says_why(root: Path, text: str, told: str) -> None:
    (root.parent / "model_index.json").unlink(missing_ok=True)
    with pytest.raises(ModelListError, match=told):
        listed(text.format(root=root))
