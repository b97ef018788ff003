"""A model folder with random weights."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file
from typer.testing import CliRunner

from benchmarks.random_model import app
from tests.harness.models import tiny_model


def test_the_same_seed_gives_the_same_weights(model_folder: Path, tmp_path: Path) -> None:
    again = tiny_model.write(tmp_path / "again")
    unet = Path("unet/diffusion_pytorch_model.safetensors")
    expected, found = load_file(model_folder / unet), load_file(again / unet)
    assert all((found[name] == weight).all() for name, weight in expected.items())


def test_an_unknown_shape_is_rejected_with_the_known_ones(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sd9", str(tmp_path / "model")])
    assert result.exit_code == 2
    assert "must be one of sd15" in result.output
