"""The fields of a request that starts from images, and what the schema says about them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.api.generation.input_request import InputRequest, is_digest
from service.api.http.form_body import UploadedFile


@pytest.mark.parametrize("source", [UploadedFile(b"x"), "text", "0" * 64])
def test_files_and_text_are_sources_also_alone_in_a_list(source: object) -> None:
    for given in (source, [source]):
        assert InputRequest.model_validate({"image": given}).image == source


@pytest.mark.parametrize(
    "source", ["", 7, [], [""], [7], [["text"]], [UploadedFile(b"x"), UploadedFile(b"y")], {"url": "x"}, True]
)
def test_anything_else_is_none(source: object) -> None:
    with pytest.raises(ValidationError):
        InputRequest.model_validate({"image": source})


def test_only_a_sha256_in_small_letters_names_an_upload() -> None:
    assert is_digest("0a" * 32)
    others: list[UploadedFile | str] = ["0A" * 32, "0a" * 31, "0a" * 33, UploadedFile(b"0a" * 32)]
    assert not any(is_digest(other) for other in others)


def test_text_of_a_form_is_read_as_objects() -> None:
    given = {"extend": '{"left": 8}', "hires": '{"scale": 2.5}', "crop": "[8, 0]", "strength": "0.5"}
    request = InputRequest.model_validate(given, strict=False)
    assert request.extend is not None
    assert request.hires is not None
    assert (request.extend.left, request.hires.scale, request.crop, request.strength) == (8, 2.5, [8, 0], 0.5)


def test_the_schema_calls_a_source_a_string() -> None:
    declared = InputRequest.model_json_schema()["properties"]["image"]
    assert declared["anyOf"] == [{"type": "string", "minLength": 1}, {"type": "null"}]
