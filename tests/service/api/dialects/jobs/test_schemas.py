"""The bodies of the job API hold a prompt or a list of them, and answers repeat the settings."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.api.dialects.jobs.schemas import JobRequest, ResolvedRequest
from service.api.generation.resolve import shared_settings_schema


def test_one_prompt_is_a_list_of_one() -> None:
    assert JobRequest.model_validate({"prompt": "a circle"}).prompt == ["a circle"]
    assert JobRequest.model_validate({"prompt": ["a circle", "a star"]}).prompt == ["a circle", "a star"]


@pytest.mark.parametrize("prompt", [[], [""], "", ["a"] * 101, {"a": "b"}, None])
def test_a_job_has_between_one_and_a_hundred_prompts(prompt: object) -> None:
    with pytest.raises(ValidationError):
        JobRequest.model_validate({"prompt": prompt})


def test_the_schema_of_an_answer_lists_every_shared_setting_as_required() -> None:
    schema = ResolvedRequest.model_json_schema()
    assert set(shared_settings_schema()) <= set(schema["required"])
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["additionalProperties"] is False
