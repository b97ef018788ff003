"""The parts of a setting's declaration: shared types with their bounds, and what the help and the tables show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.settings_fields import Count, Port, Seconds, Section, expanded, none_if_disabled, setting


class Declared(BaseModel):
    size: Count = setting(3, "How many.", Section.MODEL, "N")
    folder: Path = setting(Path.cwd, "Where.", Section.STORAGE, "FOLDER", shown="here")


def test_a_declaration_keeps_its_default_its_help_and_what_is_shown() -> None:
    size, folder = (Declared.model_fields[name] for name in ("size", "folder"))

    assert (size.default, size.description) == (3, "How many.")
    assert size.json_schema_extra == {"section": Section.MODEL, "metavar": "N", "shown": None}
    assert folder.json_schema_extra == {"section": Section.STORAGE, "metavar": "FOLDER", "shown": "here"}
    assert Declared().folder == Path.cwd()


@pytest.mark.parametrize(
    ("kind", "accepted", "refused"),
    [(Port, [0, 65535], [-1, 65536]), (Count, [1], [0, -1]), (Seconds, [0.001], [0, -1, "inf", "nan"])],
)
def test_shared_types_have_bounds(kind: Any, accepted: list[object], refused: list[object]) -> None:
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    assert [adapter.validate_python(value) for value in accepted] == accepted
    for value in refused:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_what_may_be_turned_off_is_none_then() -> None:
    assert [none_if_disabled(value) for value in ("0", "none", 0, "8001", 5)] == [None, None, None, "8001", 5]


def test_a_leading_tilde_is_the_home_folder() -> None:
    assert expanded(Path("~/x")) == Path.home() / "x"
    assert expanded(None) is None
