"""`darkroom check` reports on the models. The program that reads them is a fake here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.cli.checks.findings import State
from service.cli.checks.models import check_models
from service.cli.model_checks import CheckedModel, CheckError
from service.settings import Settings


def find(model: str, settings: Settings, *, allow_download: bool, manifest: Path | None = None) -> CheckedModel:
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
        ({"model_aliases": "sd=bundled"}, [("model bundled", State.OK), ("alias sd", State.OK)]),
    ],
)
def test_each_model_has_a_finding(given: dict[str, Any], said: list[tuple[str, State]], tmp_path: Path) -> None:
    found = list(check_models(Settings(data_dir=tmp_path, **given), find))
    assert [(each.what, each.state) for each in found] == said
    assert all(each.detail for each in found)


@pytest.mark.parametrize(
    ("given", "state", "detail"),
    [
        ({"model_aliases": "sd=mine"}, State.OK, "stands for mine"),
        ({"model_aliases": "sd=house style"}, State.OK, "stands for mine"),
        ({"model_aliases": "sd=mime"}, State.FAILED, "No model is called mime. The nearest name is mine."),
        ({"model_aliases": "sd=zzz"}, State.FAILED, "No model is called zzz. The nearest name is "),
        ({"model_aliases": "bundled=mine"}, State.FAILED, "It is to stand for mine, and is already a name of bundled."),
        (
            {"model_aliases": "sd=fetched", "allow_download": True, "model": "some/model"},
            State.NOTE,
            "Nobody knows yet whether a model is called fetched.",
        ),
    ],
)
def test_an_alias_stands_for_a_model_that_is_served(
    given: dict[str, Any], state: State, detail: str, tmp_path: Path
) -> None:
    def found(model: str, settings: Settings, **options: Any) -> CheckedModel:
        checked = find(model, settings, **options)
        return CheckedModel(checked.name, checked.path, ("house style",) if model == str(tmp_path) else ())

    settings = Settings(data_dir=tmp_path, **{"models": f"bundled,mine={tmp_path}", **given})
    *_, last = check_models(settings, found)
    assert (last.state, last.detail.startswith(detail)) == (state, True), last


@pytest.mark.parametrize(
    ("lines", "state", "detail"),
    [
        ("", State.OK, "{path}, with 0 digests"),
        (f"{'a' * 64}  m.sha256\n", State.OK, "{path}, with 1 digests"),
        (f"{'a' * 64}  m.sha256\n{'a' * 64}  x\n", State.NOTE, "Not here: 1 of 2 listed files, such as {folder}/x."),
        ("x\n", State.FAILED, "{path}, line 1: must be a SHA-256"),
    ],
)
def test_a_manifest_has_a_finding_and_models_are_compared_with_one_that_can_be_read(
    lines: str, state: State, detail: str, tmp_path: Path
) -> None:
    compared: list[Path | None] = []

    def found(model: str, settings: Settings, *, allow_download: bool, manifest: Path | None) -> CheckedModel:
        compared.append(manifest)
        return find(model, settings, allow_download=allow_download)

    path = tmp_path / "m.sha256"
    path.write_text(lines)
    first, *_ = check_models(Settings(data_dir=tmp_path, model_manifest=path), found)
    assert (first.what, first.state) == ("model manifest", state)
    assert first.detail.startswith(detail.format(path=path, folder=tmp_path))
    assert compared == [None if state is State.FAILED else path]


def test_each_file_that_is_wrong_has_a_finding(tmp_path: Path) -> None:
    def found(model: str, settings: Settings, **_: object) -> CheckedModel:
        raise CheckError("a is wrong.\nb is wrong.")

    findings = list(check_models(Settings(data_dir=tmp_path), found))
    assert [(each.what, each.state, each.detail) for each in findings] == [
        ("model bundled", State.FAILED, "a is wrong."),
        ("model bundled", State.FAILED, "b is wrong."),
    ]
