"""Reads a body's fields into a dialect's request model, under the dialect's rules. Knows no particular dialect."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.api.http.dialect import BodyRules, FieldProblem, UnknownFields
from service.errors import InvalidRequestError

RequestT = TypeVar("RequestT", bound=BaseModel)
RequestT_co = TypeVar("RequestT_co", bound=BaseModel, covariant=True)

Refuse: TypeAlias = Callable[[str, str], InvalidRequestError]
"""Makes the error about a field of the request, with a message for the caller."""

_MAX_INTEGER: Final = 2**64
"""Larger numbers can be given as text alone. They fit into no float, and so into no arithmetic with one."""
_MAX_COMPARED: Final = 40
"""Characters of an unknown name that are compared with the names of fields."""
_MAX_TOLD_UNKNOWN: Final = 20
_SHOWN_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_NO_ITEMS: Final = "Value should have at least 1 item after validation, not 0"
_MAX_SHOWN_NAMES: Final = 20
_ANNOTATIONS: Final = ("default", "description", "title")
"""JSON Schema keywords that stay beside an alternative."""


@dataclass(frozen=True, slots=True)
class Parsed(Generic[RequestT_co]):
    """A body that was understood."""

    request: RequestT_co
    rules: BodyRules
    spelled: Mapping[str, str]
    """Maps a field to the alias that the caller wrote, where it was one."""
    ignored: tuple[str, ...]
    """Fields that the schema does not know."""

    @property
    def ignored_headers(self) -> dict[str, str]:
        """A header that names the fields without effect, as far as a header can hold their names."""
        shown = [name for name in self.ignored if _SHOWN_NAME.fullmatch(name)]
        return {"X-Ignored-Params": ", ".join(shown[:_MAX_SHOWN_NAMES])} if shown else {}

    def refusal(self, field: str, message: str) -> InvalidRequestError:
        """Returns an error that names `field` as the caller spelled it.

        `message` is a sentence about the field's value, such as "Must be positive.".
        """
        return self.rules.refuse([FieldProblem((self.spelled.get(field, field),), message.removesuffix("."))])


def parse(
    kind: type[RequestT], fields: Mapping[str, Any], rules: BodyRules, *, as_text: bool = False
) -> Parsed[RequestT]:
    """Reads the request. `as_text` reads numbers and booleans that are given as text, as in a form.

    Raises what `rules.refuse` makes, with everything that is wrong.
    """
    given = {name: value for name, value in fields.items() if not (rules.null_is_absent and value is None)}
    spelled = _resolve_aliases(given, rules)
    _resolve_values(given, rules)
    unknown = tuple(name for name in given if name not in kind.model_fields)
    refused = unknown if rules.unknown_fields is UnknownFields.REFUSE else ()
    problems = [*_unknown_fields(refused, fields, kind), *_objections(unknown, given, rules)]
    try:
        known = {name: value for name, value in given.items() if name in kind.model_fields}
        request = kind.model_validate(known, strict=False if as_text else None)
    except ValidationError as error:
        # The messages of the types used here never hold the input.
        found = error.errors(include_url=False, include_context=False, include_input=False)
        invalid = dict.fromkeys(FieldProblem(_location(each, spelled), _detail(each["msg"])) for each in found)
        order = {name: place for place, name in enumerate(fields)}  # Missing fields come first.
        raise rules.refuse(
            [*sorted(invalid, key=lambda each: order.get(str(each.location[0]), -1)), *problems]
        ) from None
    if as_text:
        problems += _huge_numbers(request, spelled)
    if problems:
        raise rules.refuse(problems)
    return Parsed(request, rules, spelled, unknown)


def _detail(message: str) -> str:
    """Returns pydantic's sentence, but for an empty text, of which it says that it has no items."""
    return "Must not be empty" if message == _NO_ITEMS else message


def body_schema(kind: type[BaseModel], rules: BodyRules) -> dict[str, Any]:
    """Returns the JSON Schema of the bodies that `parse` accepts, for OpenAPI."""
    schema = inlined(kind.model_json_schema())
    if rules.unknown_fields is UnknownFields.REFUSE:
        schema["additionalProperties"] = False
    if rules.null_is_absent:
        required = schema.get("required", ())
        schema["properties"] = {
            name: declared if name in required else _nullable(declared)
            for name, declared in schema["properties"].items()
        }
    for alias, name in rules.aliases.items():
        field = schema["properties"][name]
        field["description"] = f"{field.get('description', '')}. Alias: {alias}".removeprefix(". ")
    for name in schema["properties"].keys() & rules.values.keys():
        field, others = schema["properties"][name], ", ".join(filter(None, rules.values[name]))
        if others:
            field["description"] = f"{field.get('description', '')}. Also: {others}".removeprefix(". ")
    return schema


def body_content(kind: type[BaseModel], rules: BodyRules, files: Sequence[str]) -> dict[str, Any]:
    """Returns the OpenAPI content of a body that is JSON or a form. `files` names the form's fields that are files."""
    schema = body_schema(kind, rules)
    return {
        "application/json": {"schema": schema},
        "multipart/form-data": {"schema": _form_schema(schema, files)},
    }


def _form_schema(schema: dict[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """Returns the schema with files in place of their text. The other fields are given as text."""
    properties = {
        name: {"type": "string", "format": "binary", "description": declared.get("description", "")}
        if name in files
        else declared
        for name, declared in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Puts definitions where they are referred to: the schema becomes a part of a larger document."""
    definitions = schema.pop("$defs", {})

    def inline(part: Any) -> Any:
        if isinstance(part, dict):
            reference = part.get("$ref")
            if reference is not None:
                return inline(definitions[reference.rpartition("/")[2]])
            return {name: inline(value) for name, value in part.items()}
        return [inline(each) for each in part] if isinstance(part, list) else part

    inlined: dict[str, Any] = inline(schema)
    return inlined


def _resolve_aliases(given: dict[str, Any], rules: BodyRules) -> dict[str, str]:
    """Renames aliases in `given` to the fields that they stand for. Returns field to alias."""
    spelled: dict[str, str] = {}
    for alias, name in rules.aliases.items():
        if alias not in given:
            continue
        value = given.pop(alias)
        if name not in given:
            given[name], spelled[name] = value, alias
        elif given[name] != value:
            told = f"{alias} and {spelled.get(name, name)} are the same setting, given two values"
            raise rules.refuse([FieldProblem((alias,), told)])
    return spelled


def _resolve_values(given: dict[str, Any], rules: BodyRules) -> None:
    """Replaces the values in `given` that stand for others, and takes out those that stand for none."""
    for name in given.keys() & rules.values.keys():
        value, meanings = given[name], rules.values[name]
        if isinstance(value, str) and (text := value.lower()) in meanings:
            given[name] = meanings[text]
            if given[name] is None:
                del given[name]


def _unknown_fields(refused: Sequence[str], fields: Mapping[str, Any], kind: type[BaseModel]) -> Sequence[FieldProblem]:
    """Names fields that are probably misspelled. Tells only the place of the others: a name may be a secret."""
    places = {name: place for place, name in enumerate(fields, start=1)}
    return [
        FieldProblem((name,), "There is no such field")
        if difflib.get_close_matches(name[:_MAX_COMPARED], kind.model_fields, n=1)
        else FieldProblem(("",), f"There is no such field as the one that the body has in place {places[name]}")
        for name in refused[:_MAX_TOLD_UNKNOWN]
    ]


def _huge_numbers(request: BaseModel, spelled: Mapping[str, str]) -> Iterator[FieldProblem]:
    for name, value in request:
        if isinstance(value, int) and abs(value) > _MAX_INTEGER:
            yield FieldProblem((spelled.get(name, name),), "Must be a smaller number")


def _objections(unknown: Sequence[str], given: Mapping[str, Any], rules: BodyRules) -> Iterator[FieldProblem]:
    for name in unknown:
        if told := rules.objection(name, given[name]):
            yield FieldProblem((name if _SHOWN_NAME.fullmatch(name) else "",), told)


def _location(error: ErrorDetails, spelled: Mapping[str, str]) -> tuple[str | int, ...]:
    """Returns the field and the index into its list. Pydantic's own location also names alternatives of a union."""
    name, *rest = error["loc"]
    return (spelled.get(str(name), name), *(part for part in rest if isinstance(part, int)))


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    alternatives = schema.get("anyOf")
    if alternatives is None:
        about = {name: value for name, value in schema.items() if name in _ANNOTATIONS}
        rest = {name: value for name, value in schema.items() if name not in _ANNOTATIONS}
        return {"anyOf": [rest, {"type": "null"}], **about}
    return schema if {"type": "null"} in alternatives else {**schema, "anyOf": [*alternatives, {"type": "null"}]}
