"""`darkroom check` reports on the models. The program that reads them is a fake here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.cli.checks.findings import State
from service.cli.checks.models import check_models
from service.cli.model_checks import CheckedModel, CheckError
from service.settings import Settings


def find(model: str, settings: Settings, *, allow_download: bool) -> CheckedModel:
    assert not allow_download, "a check fetches nothing"
    if not Path(model).is_dir():
        raise CheckError(f"There is no folder or file {model}.")
    return CheckedModel(Path(model).name, Path(model))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, [("model bundled", State.OK)]),
        ({"models": "bundled,mine=some/model"}, [("model bundled", State.OK), ("model mine", State.FAILED)]),
        ({"model": "some/model", "allow_download": True}, [("model some/model", State.NOTE)]),
        ({"models": "a=bundled,a=some/model"}, [("models", State.FAILED)]),
    ],
)
def test_each_model_has_a_finding(given: dict[str, Any], said: list[tuple[str, State]], tmp_path: Path) -> None:
    found = list(check_models(Settings(data_dir=tmp_path, **given), find))
    assert [(each.what, each.state) for each in found] == said
    assert all(each.detail for each in found)
