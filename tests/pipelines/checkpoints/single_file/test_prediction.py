"""The surest evidence decides the prediction type of a UNet, and it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.checkpoints.files import safetensors_files
from pipelines.checkpoints.single_file import prediction
from pipelines.checkpoints.single_file.kinds import Kind
from pipelines.checkpoints.single_file.prediction import Prediction
from tests.harness.models import original_layout

UNET = "model.diffusion_model."
BIAS = "output_blocks.{}.1.transformer_blocks.0.norm1.bias"


def find(
    path: Path,
    kind: Kind = Kind.SDXL,
    *,
    asked: str | None = None,
    zero_snr: bool | None = None,
    weights: original_layout.Weights | None = None,
    metadata: dict[str, str] | None = None,
) -> Prediction:
    original_layout.save({"a": torch.zeros(1), **(weights or {})}, path, metadata)
    return prediction.find(path, safetensors_files.read_header(path), kind, asked, zero_snr)


def biases(spread: float, dtype: torch.dtype = torch.float32, prefix: str = UNET) -> original_layout.Weights:
    """Return biases whose last block has this spread, and an earlier one the other, so that only one can be right."""
    last = torch.tensor([-spread, spread] * 8, dtype=dtype)
    return {
        f"{UNET}input_blocks.0.0.weight".removeprefix(UNET if not prefix else ""): torch.zeros(1, 4, 3, 3),
        prefix + BIAS.format(9): torch.zeros(16) if spread > 0.1 else torch.tensor([-1.0, 1.0] * 8),
        prefix + BIAS.format(11): last,
    }


def test_without_evidence_it_is_noise(tmp_path: Path) -> None:
    assert find(tmp_path / "x.safetensors") == Prediction("epsilon", zero_terminal_snr=False, evidence=None)


@pytest.mark.parametrize(
    ("name", "contradicts"),
    [
        ("noob-vPred-1.safetensors", True),
        ("x_v-prediction.safetensors", True),
        ("v_pred.safetensors", True),
        ("x-v2.safetensors", False),
        ("preview.safetensors", False),
    ],
)
def test_a_name_that_says_v_is_not_believed_but_noted(name: str, *, contradicts: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    found = find(path)
    assert found.type == "epsilon"
    assert prediction.name_contradicts(path, found) is contradicts
    assert not prediction.name_contradicts(path, find(path, asked="epsilon"))
    assert not prediction.name_contradicts(path, find(path, asked="v_prediction"))


def test_markers_in_the_keys_say_v_and_zero_terminal_snr(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    found = find(path, weights={"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)})
    assert found == Prediction("v_prediction", zero_terminal_snr=True, evidence="its key v_pred")
    assert not find(path, weights={"v_pred": torch.zeros(0)}).zero_terminal_snr


@pytest.mark.parametrize(("stated", "found"), [("v", "v_prediction"), ("epsilon", "epsilon"), ("x", "epsilon")])
def test_the_metadata_may_say_it(stated: str, found: str, tmp_path: Path) -> None:
    metadata = {"modelspec.prediction_type": stated}
    assert find(tmp_path / "x.safetensors", metadata=metadata).type == found


def test_a_sidecar_of_a1111_may_say_it(tmp_path: Path) -> None:
    sidecar = tmp_path / "x.yaml"
    sidecar.write_text('model:\n  params:\n    parameterization: "v"\n')
    found = find(tmp_path / "x.safetensors")
    assert found == Prediction("v_prediction", zero_terminal_snr=False, evidence="x.yaml")
    sidecar.write_text("model:\n  params:\n    linear_start: 0.00085\n")
    assert find(tmp_path / "x.safetensors").type == "epsilon"


def test_the_users_settings_go_before_all_else(tmp_path: Path) -> None:
    weights = {"v_pred": torch.zeros(0), "ztsnr": torch.zeros(0)}
    found = find(tmp_path / "x.safetensors", asked="epsilon", zero_snr=False, weights=weights)
    assert found == Prediction("epsilon", zero_terminal_snr=False, evidence="its settings file")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(("spread", "found"), [(0.2, "v_prediction"), (0.05, "epsilon")])
def test_weights_of_stable_diffusion_2_show_it(spread: float, found: str, dtype: torch.dtype, tmp_path: Path) -> None:
    weights = biases(spread, dtype)
    assert find(tmp_path / "x.safetensors", Kind.SD2_BASE, weights=weights).type == found
    assert find(tmp_path / "x.safetensors", Kind.SDXL, weights=weights).type == "epsilon"


def test_a_unet_that_stands_alone_shows_it_too(tmp_path: Path) -> None:
    found = find(tmp_path / "x.safetensors", Kind.SD2_BASE, weights=biases(0.2, prefix=""))
    assert (found.type, found.evidence) == ("v_prediction", "the spread of its weights")


def test_a_unet_without_attention_in_its_last_blocks_shows_nothing(tmp_path: Path) -> None:
    assert find(tmp_path / "x.safetensors", Kind.SD2_BASE).type == "epsilon"
