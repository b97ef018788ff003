"""Families are found by the pipeline class of model_index.json, and code outside a family's folder hardly names it."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipelines
from pipelines.families.registry import FAMILIES, fitting

SOURCE = Path(pipelines.__file__).parents[1]
FOLDERS = sorted(path.parent for path in Path(pipelines.__file__).parent.glob("families/*/family.py"))
MAX_FILES = 6
"""Files outside its folder that may know of a family."""


def test_families_are_registered_by_their_pipeline_classes() -> None:
    assert list(FAMILIES) == [
        "StableDiffusionXLPipeline",
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionPipeline",
    ]


@pytest.mark.parametrize(
    ("class_name", "parts_of"),
    [
        ("StableDiffusionPipeline", "StableDiffusionPipeline"),
        ("StableDiffusionXLPipeline", "StableDiffusionXLPipeline"),
        ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLImg2ImgPipeline"),
        ("StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLPipeline"),
    ],
)
def test_a_model_is_of_the_family_whose_parts_it_lists(class_name: str, parts_of: str) -> None:
    expected = FAMILIES[parts_of]

    found = fitting(FAMILIES[class_name](), {*expected().components, "safety_checker"})

    assert isinstance(found, expected)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_says_what_loads_each_of_its_components(name: str) -> None:
    components = FAMILIES[name]().components

    assert components
    assert all(
        hasattr(loading_class, "from_pretrained") for known in components.values() for loading_class in known.values()
    )


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_family_is_imported_in_few_files_outside_its_folder_and_in_none_of_the_service(folder: Path) -> None:
    sources = [path for package in ("pipelines", "service") for path in (SOURCE / package).rglob("*.py")]
    users = [path for path in sources if folder not in path.parents and f"families.{folder.name}" in path.read_text()]

    assert len(users) <= MAX_FILES, users
    assert not [path for path in users if "service" in path.relative_to(SOURCE).parts], users
