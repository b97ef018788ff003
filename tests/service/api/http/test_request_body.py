"""Fields become a request by the rules of a dialect for aliases, nulls and unknown fields, and the schema says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.api.http.fields import Text
from service.api.http.request_body import body_schema, parse
from service.errors import InvalidRequestError

CANARY: Final = "cAnArY7"


class Body(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    prompt: Annotated[list[Text], Field(min_length=1)]
    steps: Annotated[int | None, Field(ge=1, le=9, description="Denoising steps")] = None
    scale: Annotated[float, Field(ge=0)] = 1.0


class Refused(InvalidRequestError):
    """Keeps the problems as `parse` found them."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("refused")
        self.found = [(each.location, each.detail) for each in problems]


STRICT: Final = BodyRules(unknown_fields=UnknownFields.REFUSE, refuse=Refused)
LENIENT: Final = BodyRules(
    unknown_fields=UnknownFields.IGNORE,
    refuse=Refused,
    null_is_absent=True,
    aliases={"num_steps": "steps", "iterations": "steps"},
)


def problems(fields: dict[str, Any], rules: BodyRules) -> list[tuple[tuple[str | int, ...], str]]:
    with pytest.raises(Refused) as refusal:
        parse(Body, fields, rules)
    return refusal.value.found


def locations(fields: dict[str, Any], rules: BodyRules) -> list[tuple[str | int, ...]]:
    return [location for location, _ in problems(fields, rules)]


@pytest.mark.parametrize("rules", [STRICT, LENIENT], ids=["strict", "lenient"])
def test_fields_that_are_not_given_have_their_defaults(rules: BodyRules) -> None:
    parsed = parse(Body, {"prompt": ["x"]}, rules)
    assert (parsed.request, parsed.ignored) == (Body(prompt=["x"]), ())


def test_unknown_fields_are_refused_by_one_rule_and_ignored_by_name_by_the_other() -> None:
    fields = {"prompt": ["x"], "promt": "y", "my-secret": None}
    assert problems(fields, STRICT) == [
        (("promt",), "There is no such field"),
        (("",), "There is no such field as the one that the body has in place 3"),
    ]
    assert parse(Body, fields, LENIENT).ignored == ("promt",)


def test_null_counts_as_absent_only_where_the_rule_says_so() -> None:
    assert locations({"prompt": ["x"], "scale": None}, STRICT) == [("scale",)]
    assert locations({"prompt": None}, STRICT) == [("prompt",)]
    assert parse(Body, {"prompt": ["x"], "scale": None, "num_steps": None}, LENIENT).request.scale == 1.0
    assert problems({"prompt": None}, LENIENT) == [(("prompt",), "Field required")]


def test_an_alias_stands_for_its_field_only_where_the_rule_names_it() -> None:
    assert parse(Body, {"prompt": ["x"], "num_steps": 5}, LENIENT).request.steps == 5
    assert locations({"prompt": ["x"], "num_steps": 5}, STRICT) == [("num_steps",)]


@pytest.mark.parametrize(
    ("fields", "blamed"),
    [
        ({"num_steps": 5, "steps": 6}, "num_steps and steps are the same setting, given two values"),
        ({"iterations": 5, "num_steps": 6}, "iterations and num_steps are the same setting, given two values"),
    ],
)
def test_two_spellings_of_a_field_with_two_values_are_refused_as_they_were_written(
    fields: dict[str, Any], blamed: str
) -> None:
    assert problems({"prompt": ["x"], **fields}, LENIENT) == [((blamed.partition(" ")[0],), blamed)]


def test_a_value_may_stand_for_another_or_for_a_field_that_is_not_given() -> None:
    rules = replace(LENIENT, values={"steps": {"few": "3", "": None}, "scale": {"normal": None}})
    assert parse(Body, {"prompt": ["x"], "iterations": "FEW"}, rules, as_text=True).request.steps == 3
    for fields in ({"steps": ""}, {"num_steps": "", "scale": "Normal"}):
        parsed = parse(Body, {"prompt": ["x"], **fields}, rules)
        assert (parsed.request, parsed.ignored) == (Body(prompt=["x"]), ())
    assert locations({"prompt": ["x"], "scale": ""}, rules) == [("scale",)]
    assert body_schema(Body, rules)["properties"]["steps"]["description"].endswith(". Also: few")


def test_a_number_as_text_is_not_larger_than_one_in_json() -> None:
    class Unbounded(BaseModel):
        steps: int

    assert parse(Unbounded, {"steps": "7"}, LENIENT, as_text=True).request.steps == 7
    with pytest.raises(Refused) as refusal:
        parse(Unbounded, {"num_steps": "1" + "0" * 400}, LENIENT, as_text=True)
    assert refusal.value.found == [(("num_steps",), "Must be a smaller number")]


def test_two_spellings_with_one_value_are_accepted() -> None:
    assert parse(Body, {"prompt": ["x"], "num_steps": 5, "iterations": 5, "steps": 5}, LENIENT).request.steps == 5


def test_a_refusal_names_the_spelling_of_the_caller() -> None:
    assert locations({"prompt": ["x"], "num_steps": 0}, LENIENT) == [("num_steps",)]
    parsed = parse(Body, {"prompt": ["x"], "num_steps": 5}, LENIENT)
    for field, spelled in (("steps", "num_steps"), ("prompt", "prompt")):
        refusal = parsed.refusal(field, "Must be shorter.")
        assert isinstance(refusal, Refused)
        assert refusal.found == [((spelled,), "Must be shorter")]


def test_all_problems_are_told_in_the_order_of_the_body_after_missing_fields() -> None:
    fields = {"unknown": 1, "scale": -1, "steps": 0}
    assert locations(fields, STRICT) == [("prompt",), ("scale",), ("steps",), ("",)]


def test_a_problem_in_a_list_has_the_index_of_its_item() -> None:
    assert locations({"prompt": ["x", 7, "\0"]}, STRICT) == [("prompt", 1), ("prompt", 2)]


def test_a_number_of_the_wrong_type_is_one_problem_whatever_alternatives_the_field_has() -> None:
    assert len(problems({"prompt": ["x"], "steps": "7"}, STRICT)) == 1


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(CANARY) | st.text("\0\ud800x", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just(CANARY), inner),
    max_leaves=4,
)
names = st.sampled_from([*Body.model_fields, *LENIENT.aliases, CANARY, "unknown"])


@given(fields=st.dictionaries(names, values), rules=st.sampled_from([STRICT, LENIENT]))
def test_any_object_is_parsed_or_refused_by_its_fields_names_without_repeating_its_values(
    fields: dict[str, Any], rules: BodyRules
) -> None:
    try:
        parsed = parse(Body, fields, rules)
    except Refused as refusal:
        found = refusal.found
    else:
        assert set(parsed.ignored) <= set(fields) - set(Body.model_fields)
        assert rules is LENIENT or not parsed.ignored
        return
    assert found
    assert {location[0] for location, _ in found} <= {*Body.model_fields, *LENIENT.aliases, ""}
    assert not [detail for _, detail in found if CANARY in detail or len(detail) > 100]


def test_the_schema_closes_the_body_where_unknown_fields_are_refused() -> None:
    assert body_schema(Body, STRICT)["additionalProperties"] is False
    assert "additionalProperties" not in body_schema(Body, LENIENT)


def test_the_schema_permits_null_where_it_counts_as_absent_and_never_for_a_required_field() -> None:
    def nullable(rules: BodyRules) -> set[str]:
        properties = body_schema(Body, rules)["properties"]
        return {name for name, schema in properties.items() if {"type": "null"} in schema.get("anyOf", ())}

    assert nullable(STRICT) == {"steps"}
    assert nullable(LENIENT) == {"steps", "scale"}
    scale = body_schema(Body, LENIENT)["properties"]["scale"]
    assert scale == {"anyOf": [{"minimum": 0, "type": "number"}, {"type": "null"}], "default": 1.0, "title": "Scale"}


def test_the_schema_names_aliases_in_the_description_of_their_field() -> None:
    described = body_schema(Body, replace(LENIENT, aliases={"num_steps": "steps", "cfg": "scale"}))["properties"]
    assert described["steps"]["description"] == "Denoising steps. Alias: num_steps"
    assert described["scale"]["description"] == "Alias: cfg"


def test_an_empty_text_is_said_to_be_empty() -> None:
    class Named(BaseModel):
        name: Annotated[Text, Field(min_length=1)]

    with pytest.raises(Refused) as refusal:
        parse(Named, {"name": ""}, STRICT)
    assert refusal.value.found == [(("name",), "Must not be empty")]
