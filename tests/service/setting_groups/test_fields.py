"""Declarations of settings have shared types with bounds, and texts for the help and the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from service.setting_groups.fields import (
    Count,
    Devices,
    FileForm,
    FileMode,
    OptionalCount,
    OptionalFolder,
    OptionalPort,
    Port,
    Seconds,
    Section,
    aliases_of,
    default_cache_dir,
    setting,
    split,
)


class Declared(BaseModel):
    size: Count = setting(3, "How many.", Section.MODEL, "N")
    folder: Path = setting(Path.cwd, "Where.", Section.STORAGE, "FOLDER", shown="here")


def test_a_declaration_keeps_its_default_its_help_and_what_is_shown() -> None:
    size, folder = (Declared.model_fields[name] for name in ("size", "folder"))

    assert (size.default, size.description) == (3, "How many.")
    plain = {"is_secret": False, "kept_in": None, "in_file": FileForm.VALUE}
    assert size.json_schema_extra == {"section": Section.MODEL, "metavar": "N", "shown": None, **plain}
    assert folder.json_schema_extra == {"section": Section.STORAGE, "metavar": "FOLDER", "shown": "here", **plain}
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


@pytest.mark.parametrize("value", ["0", "none", 0])
def test_a_port_and_a_folder_can_be_disabled(value: object) -> None:
    assert TypeAdapter(OptionalPort).validate_python(value) is None
    assert TypeAdapter(OptionalCount).validate_python(value) is None
    assert TypeAdapter(OptionalFolder).validate_python(value) is None


def test_a_folder_below_the_home_folder_is_spelled_out() -> None:
    assert TypeAdapter(OptionalFolder).validate_python("~/cache") == Path.home() / "cache"


@pytest.mark.parametrize("names", [None, "auto", "cpu", "cuda", "cuda:0,cuda:11", "cpu,cpu"])
def test_a_list_of_devices_is_kept_as_it_is_written(names: str | None) -> None:
    assert TypeAdapter(Devices).validate_python(names) == names


@pytest.mark.parametrize("names", ["", "auto,cpu", "cuda:", "cpu, cpu", "mps"])
def test_a_list_with_an_unknown_device_is_refused(names: str) -> None:
    with pytest.raises(ValidationError, match="must be auto, or names like cpu"):
        TypeAdapter(Devices).validate_python(names)


@pytest.mark.parametrize("mode", ["660", "0600", "777"])
def test_permissions_are_octal(mode: str) -> None:
    assert TypeAdapter(FileMode).validate_python(mode) == mode


@pytest.mark.parametrize("mode", ["", "66", "888", "4755", "rw-rw----"])
def test_other_permissions_are_refused(mode: str) -> None:
    with pytest.raises(ValidationError, match="octal"):
        TypeAdapter(FileMode).validate_python(mode)


def test_a_list_is_split_at_its_commas() -> None:
    assert (split("a, b,,c"), split(""), split(None)) == (["a", "b", "c"], [], [])


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert default_cache_dir() == Path("/var/cache/darkroom")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "darkroom"


def test_aliases_are_read_with_what_they_stand_for() -> None:
    assert aliases_of(None) == {}
    assert aliases_of("dall-e-3=bundled, house style = x=y,dall-e-3=bundled,") == {
        "dall-e-3": "bundled",
        "house style": "x=y",
    }
