"""`deploy/.env.example` has every variable."""

from __future__ import annotations

import re

import pytest

from scripts.env_example import MARK, render, set_by_compose
from service.settings import Settings, variable
from tests.harness.paths import ROOT

TEXT = (ROOT / "deploy" / ".env.example").read_text()


def test_the_file_is_what_the_declarations_say() -> None:
    assert render(TEXT) == TEXT, "run `make docs`"


def test_every_setting_is_there_or_set_by_the_compose_file() -> None:
    below = set(re.findall(r"^#(DARKROOM_\w+)=", TEXT.partition(MARK)[2], re.MULTILINE))
    assert below | set(set_by_compose()) == {variable(name) for name in Settings.model_fields}
    assert not below & set(set_by_compose())


def test_every_variable_of_the_compose_file_is_explained() -> None:
    asked_for = set(re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose.yaml").read_text()))
    explained = set(re.findall(r"^#?(\w+)=", TEXT.partition(MARK)[0], re.MULTILINE))
    assert asked_for <= explained


def test_no_secret_is_in_it() -> None:
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", TEXT, re.MULTILINE))
    assert given == {"COMPOSE_PROFILES": "cpu", "SECRETS": "./secrets"}


def test_a_file_without_the_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs the line"):
        render("COMPOSE_PROFILES=cpu\n")
