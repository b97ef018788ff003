"""A model is found by the names under which AUTOMATIC1111's clients know it."""

from __future__ import annotations

import pytest

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo
from service.api.dialects.a1111.checkpoints import find_checkpoint
from service.errors import ModelUnusableError, UnknownModelError


def find(name: str) -> ModelInfo:
    if name == "broken":
        raise ModelUnusableError("Its files are damaged.")
    if name not in ("one", "two.safetensors", ""):
        raise UnknownModelError("There is no such model.")
    return INFO


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("one", True),
        ("one.safetensors", True),
        ("one.ckpt [0123456789]", True),
        ("one [0123456789]", True),
        ("two.safetensors", True),
        ("two", False),
        ("one [note]", False),
        ("x\n", False),
        ("", False),
        (None, False),
    ],
)
def test_a_title_may_have_the_ending_of_a_file_and_a_hash(title: str | None, found: bool) -> None:
    assert find_checkpoint(find, title) is (INFO if found else None)


def test_a_model_that_cannot_be_used_is_not_passed_over() -> None:
    with pytest.raises(ModelUnusableError):
        find_checkpoint(find, "broken.safetensors")
