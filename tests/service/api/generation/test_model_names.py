"""A request names a model by its own name or an alias; OpenAI's names stand for the default one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO
from service.api.generation.model_names import OPENAI_PREFIXES, chosen_model
from service.errors import ModelUnusableError, UnknownModelError
from tests.harness.engine.fake_engine import FakeEngine

SECOND = replace(INFO, name="second", aliases=("another name",))


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.served.others = [SECOND]
    engine.served.unusable = ["broken"]
    return engine


@pytest.mark.parametrize(
    "name", [None, INFO.name, "dall-e-3", "gpt-image-1", "chatgpt-image-latest", "openai/dall-e-3", *OPENAI_PREFIXES]
)
async def test_these_names_stand_for_the_default_model(engine: FakeEngine, name: str | None) -> None:
    assert chosen_model(name, engine) == INFO


@pytest.mark.parametrize("name", ["second", "another name", "openai/second", "openai/another name"])
async def test_a_model_is_found_by_its_name_and_by_its_alias(engine: FakeEngine, name: str) -> None:
    assert chosen_model(name, engine) == SECOND


async def test_a_served_model_may_have_a_name_like_those_of_openai(engine: FakeEngine) -> None:
    engine.served.others = [replace(SECOND, name="dall-e-mini")]

    for name in ("dall-e-mini", "openai/dall-e-mini"):
        assert chosen_model(name, engine).name == "dall-e-mini"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "third",
        "openai/",
        "openai/third",
        "openai/" * 5000 + "second",
        "other/dall-e-3",
        "dall-e",
        "DALL-E-3",
        f" {INFO.name}",
        INFO.name.upper(),
    ],
)
async def test_any_other_name_is_unknown_and_is_not_repeated(engine: FakeEngine, name: str) -> None:
    with pytest.raises(UnknownModelError) as error:
        chosen_model(name, engine)
    assert error.value.field == "model"
    assert not name or name not in error.value.message


async def test_a_model_whose_files_are_broken_is_refused(engine: FakeEngine) -> None:
    with pytest.raises(ModelUnusableError):
        chosen_model("broken", engine)
