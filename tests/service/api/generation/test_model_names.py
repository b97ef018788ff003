"""The served model has its own name and those of OpenAI's image models."""

from __future__ import annotations

import pytest

from pipelines.fake import INFO
from service.api.generation.model_names import OPENAI_PREFIXES, check_model
from service.errors import UnknownModelError


@pytest.mark.parametrize("name", [INFO.name, "dall-e-3", "gpt-image-1", "chatgpt-image-latest", *OPENAI_PREFIXES])
def test_these_names_stand_for_the_served_model(name: str) -> None:
    check_model(name, INFO)


@pytest.mark.parametrize("name", ["", "another", "dall-e", "DALL-E-3", f" {INFO.name}", INFO.name.upper()])
def test_any_other_name_is_unknown_and_is_not_repeated(name: str) -> None:
    with pytest.raises(UnknownModelError) as error:
        check_model(name, INFO)
    assert error.value.field == "model"
    assert error.value.message == "No model of that name is served; GET /v1/models lists those that are."
