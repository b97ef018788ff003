"""Every dialect's request inherits the same fields, and a new one stays a small change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from pydantic import ValidationError

from pipelines.params import INTERNAL, GenerationParams
from service.api.generation.input_request import InputRequest
from service.api.generation.request import MAX_IMAGES_PER_PROMPT, GenerationRequest
from service.api.http.fields import MAX_SEED
from tests.harness.paths import ROOT

MAX_FILES = 6
"""Files that one generation parameter may need: params, request, resolve, its family, metadata, the client's types."""


def test_everything_has_a_default() -> None:
    request = GenerationRequest()
    assert (request.n, request.negative_prompt, request.priority) == (1, None, "interactive")
    rest = set(GenerationRequest.model_fields) - {"n", "negative_prompt", "priority", "long_prompt"}
    assert {getattr(request, name) for name in rest} == {None}


def test_every_field_is_described() -> None:
    assert [name for name, field in GenerationRequest.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("field", "accepted"),
    [
        ("n", [1, MAX_IMAGES_PER_PROMPT]),
        ("num_inference_steps", [1, 10**6]),
        ("guidance_scale", [0, 0.5, 7, 10**6]),
        ("seed", [-1, 0, MAX_SEED]),
        ("output_compression", [0, 100]),
        ("negative_prompt", [None, "", "blurry"]),
        ("long_prompt", [False, True]),
        ("priority", ["interactive", "batch"]),
        ("deadline_s", [0.001, 1, 10**6]),
        ("output_format", ["png", "webp", "jpeg"]),
    ],
)
def test_values_within_the_bounds_are_accepted(field: str, accepted: list[object]) -> None:
    for value in accepted:
        assert getattr(GenerationRequest.model_validate({field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ("n", [0, MAX_IMAGES_PER_PROMPT + 1, 1.5, True, "1", None]),
        ("num_inference_steps", [0, -1, 1.5, True, "1"]),
        ("guidance_scale", [-0.1, float("inf"), float("nan"), "7", True]),
        ("seed", [-2, MAX_SEED + 1, 1.5, "7"]),
        ("output_compression", [-1, 101, 50.5]),
        ("priority", ["urgent", None]),
        ("deadline_s", [0, -1, float("inf"), float("nan")]),
        ("output_format", ["gif", "PNG"]),
        ("negative_prompt", [7, "\0", "\ud800"]),
        ("long_prompt", [None, 1, "true"]),
        ("sampler", [7, "\0"]),
        ("model", [7, "\ud800"]),
    ],
)
def test_values_of_another_type_or_beyond_the_bounds_are_refused(field: str, refused: list[object]) -> None:
    for value in refused:
        with pytest.raises(ValidationError):
            GenerationRequest.model_validate({field: value})


def test_every_generation_parameter_can_be_asked_for() -> None:
    """The dialects add the prompt and the size themselves, and call `steps` by the name that clients know."""
    parameters = {field.name for field in fields(GenerationParams)} - {"prompt", "width", "height", "steps", *INTERNAL}
    assert parameters <= set(InputRequest.model_fields)


def sources() -> Iterator[Path]:
    for folder in ("pipelines", "service", "client/darkroom"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not path.is_relative_to(ROOT / "pipelines" / "training"):
                yield path


def code_of(path: Path) -> str:
    """Returns the source without comments and without strings that are statements, such as docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
    return ast.unparse(tree)


def test_a_generation_parameter_is_named_in_few_source_files() -> None:
    """The parameter is one that no dialect has a meaning of its own for, as AUTOMATIC1111's has for prompts."""
    holding = [path for path in sources() if "guidance_rescale" in path.read_text()]
    naming = [str(path.relative_to(ROOT)) for path in holding if re.search(r"\bguidance_rescale\b", code_of(path))]
    assert "service/api/generation/request.py" in naming, "the search finds what is there"
    assert len(naming) <= MAX_FILES, "\n".join(["Too many files name guidance_rescale:", *naming])
