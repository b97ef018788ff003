"""`deploy/darkroom.toml.example` has every setting, and its defaults are those of the declarations."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scripts.toml_example import MARK, render
from service.config_file import read_config
from service.settings import FILE_KEYS, Settings
from tests.harness.paths import ROOT

TEXT = (ROOT / "deploy" / "darkroom.toml.example").read_text()
BELOW = TEXT.partition(MARK)[2]


def test_the_file_is_what_the_declarations_say() -> None:
    assert render(TEXT) == TEXT, "run `make docs`"


def test_every_setting_is_there_and_nothing_is_set() -> None:
    assert set(re.findall(r"^#\[?([a-z_]+)(?: = |\])", BELOW, re.MULTILINE)) == set(FILE_KEYS)
    assert tomllib.loads(TEXT) == {}


def test_the_defaults_can_be_read_and_are_the_defaults(tmp_path: Path) -> None:
    lines = re.findall(r"^#([a-z_]+) = (.*)$", BELOW.partition("# Tables")[0], re.MULTILINE)
    shown = {name: text for name, text in lines if not re.search('[A-Z]{2}|^N$|"N"|true.false', text)}
    (tmp_path / "x.toml").write_text("".join(f"{name} = {text}\n" for name, text in shown.items()))
    found = read_config(tmp_path / "x.toml")
    settings = Settings.model_validate(found.values)

    assert found.faults == ()
    fields = {name: field for name, field in Settings.model_fields.items() if name in shown and name != "cache_dir"}
    expected = Settings.model_validate({name: field.default for name, field in fields.items()})
    assert {name: getattr(settings, name) for name in fields} == {name: getattr(expected, name) for name in fields}
    assert len(fields) > len(FILE_KEYS) / 2


def test_a_file_without_the_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs the line"):
        render("port = 1\n")
