"""Replicate's names of models, with owners and versions, lead to the models that are served."""

from __future__ import annotations

import pytest

from service.api.dialects.replicate.versions import full_name, model_of, model_of_version, version_id
from service.errors import UnknownModelError
from tests.harness.engine.fake_engine import FakeEngine

NAME = "darkroom-fake"


def test_a_model_without_an_owner_has_ours() -> None:
    assert full_name(NAME) == f"darkroom/{NAME}"
    assert full_name("someone/else") == "someone/else"


@pytest.mark.parametrize("owner", ["darkroom", "stability-ai"])
def test_a_model_is_found_whoever_its_owner_is(owner: str) -> None:
    assert model_of(owner, NAME, FakeEngine()).name == NAME
    with pytest.raises(UnknownModelError):
        model_of(owner, "another", FakeEngine())


@pytest.mark.parametrize(
    "version",
    [NAME, f"darkroom/{NAME}", version_id(NAME), f"x/{NAME}:{version_id(NAME)}", f"x/other:{version_id(NAME)}"],
)
def test_a_version_is_an_id_or_a_name(version: str) -> None:
    assert model_of_version(version, FakeEngine()).name == NAME


@pytest.mark.parametrize("version", ["another", "x/another", "0" * 64, f"x/another:{'0' * 64}", ""])
def test_an_unknown_version_is_no_model(version: str) -> None:
    with pytest.raises(UnknownModelError):
        model_of_version(version, FakeEngine())
