"""A stage that the command line runs gives the same weights in one process and under torchrun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTokenizer
from typer.testing import CliRunner

from pipelines.training.__main__ import _part, app
from pipelines.training.stages.text import (
    TextObjective,
    new_text_encoder,
)
from tests.harness.paths import ROOT


def weights(run: Path) -> dict[str, Tensor]:
    return load_file(run / "checkpoints" / "text" / "model.safetensors")


def test_two_processes_train_the_weights_of_one_process_with_the_global_batch(
    tokenizer: CLIPTokenizer, tmp_path: Path
) -> None:
    single, double = tmp_path / "single", tmp_path / "double"
    for run in (single, double):
        tokenizer.save_pretrained(run / "tokenizer")
    stage = ["text", "--steps", "3", "--batch-size", "4", "--workdir"]
    torch.manual_seed(0)
    result = CliRunner().invoke(app, [*stage, str(single)])
    assert result.exit_code == 0, result.output
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone"]
    command = [*torchrun, "-m", "pipelines.training", *stage, str(double)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=300)

    torch.manual_seed(0)
    initial = TextObjective(new_text_encoder(tokenizer)).state_dict()
    expected, found = weights(single), weights(double)
    for name, tensor in expected.items():
        # A key's bias shifts all inputs of a softmax equally: its gradient is only rounding, which Adam amplifies.
        if not name.endswith("k_proj.bias"):
            torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=1e-5)
    assert any(not torch.equal(expected[name], initial[name]) for name in expected)


def test_a_run_that_continues_takes_parts_that_it_did_not_train_from_the_base_model(tmp_path: Path) -> None:
    run, base = tmp_path / "run", tmp_path / "base"
    (run / "vae").mkdir(parents=True)
    assert _part(run, base, "vae") == run / "vae"
    assert _part(run, base, "unet") == base / "unet"
    assert _part(run, None, "unet") == run / "unet"
