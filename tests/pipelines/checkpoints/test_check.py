"""A check says what loading would do, from the headers alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from pipelines.checkpoints import check, loader
from pipelines.errors import ModelLoadError
from tests.harness.models import original_layout, tiny_model
from tests.harness.models.zoo import writer

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, which tests must not write to."""
    return writer.write("sd15", tmp_path_factory.mktemp("check") / "sd15")


@pytest.fixture
def file(folder: Path, tmp_path: Path) -> Path:
    """A file of the same model, with its configurations beside it."""
    tiny_model.copy(folder, tmp_path / "x")
    return original_layout.write(folder, tmp_path / "x.safetensors", "sd1")


def test_it_reports_how_the_model_will_be_served(folder: Path) -> None:
    report, info = check.check(str(folder), device="cpu"), loader.load(str(folder), device="cpu").info
    assert (report.name, report.sizes, report.dtype) == (info.name, info.sizes, info.dtype)
    assert (report.default_steps, report.default_sampler) == (info.default_steps, info.default_sampler)
    assert report.parts["unet"] == [str(folder / UNET)]


def test_a_file_has_the_same_report_as_its_folder(folder: Path, file: Path) -> None:
    ours, theirs = check.check(str(file), device="cpu"), check.check(str(folder), device="cpu")
    assert (ours.sizes, ours.default_sampler, ours.prompt_tokens) == (
        theirs.sizes,
        theirs.default_sampler,
        theirs.prompt_tokens,
    )
    assert ours.parts == {key: [str(file)] for key in theirs.parts}
    assert ours.notes == ("x.safetensors is a Stable Diffusion 1.x model.",)


@pytest.mark.parametrize("layout", ["folder", "file"])
def test_what_is_missing_is_said_as_loading_would(layout: str, folder: Path, file: Path, tmp_path: Path) -> None:
    path = file if layout == "file" else tiny_model.copy(folder, tmp_path / "copy")
    weights_file = path if layout == "file" else path / UNET
    weights = load_file(weights_file)
    del weights[next(name for name in weights if name.endswith("conv_out.weight" if path != file else "out.2.weight"))]
    save_file(weights, weights_file, {"format": "pt"})
    with pytest.raises(ModelLoadError) as loading:
        loader.load(str(path), device="cpu")
    with pytest.raises(ModelLoadError) as checking:
        check.check(str(path), device="cpu")
    assert str(checking.value) == str(loading.value)
    assert "conv_out.weight" in str(checking.value)


def test_the_program_prints_for_people_and_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(folder), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "sd15 can be served."
    assert "  defaults      25 steps, guidance 7.5, pndm" in shown
    assert check.main([str(folder), "--device", "cpu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_aliases_are_shown(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = tiny_model.copy(folder, tmp_path / "named")
    (named / "darkroom.json").write_text('{"aliases": ["ours", "a fox"]}')

    check.main([str(named), "--device", "cpu"])

    assert "  aliases       ours, a fox" in capsys.readouterr().out.splitlines()


def test_a_refusal_is_exit_status_1_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main([str(tmp_path / "none")]) == 1
    reason = capsys.readouterr().out
    assert check.main([str(tmp_path / "none"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False, "error": reason.rstrip("\n")}
