"""Training goes on from a checkpoint as if it had not stopped, and an incomplete checkpoint is never loaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from pipelines.training import checkpoints
from pipelines.training.checkpoints import Progress
from pipelines.training.muon import Muon


def trained() -> tuple[nn.Module, dict[str, torch.Tensor], Muon]:
    """A model after one step, so that the optimizer has moments."""
    model = nn.Linear(16, 16)
    optimizer = Muon(model.named_parameters(), lr=0.1, weight_decay=0.0)
    torch.autograd.backward(model(torch.randn(4, 16)).square().mean())
    optimizer.step()
    return model, {name: tensor.clone() for name, tensor in model.state_dict().items()}, optimizer


def test_model_average_optimizer_and_progress_are_restored(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    model, average, optimizer = trained()
    checkpoints.save(folder, model, average, optimizer, Progress(7, 1.5))

    restored, restored_average, restored_optimizer = trained()
    assert checkpoints.load(folder, restored, restored_average, restored_optimizer) == Progress(7, 1.5)

    for name, tensor in model.state_dict().items():
        assert torch.equal(restored.state_dict()[name], tensor)
        assert torch.equal(restored_average[name], average[name])
    moments, restored_moments = (one.state_dict()["state"] for one in (optimizer, restored_optimizer))
    for index, moment in moments.items():
        assert all(torch.equal(restored_moments[index][name], tensor) for name, tensor in moment.items())


def test_a_partial_checkpoint_is_discarded_and_an_earlier_one_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    (tmp_path / "checkpoint.partial").mkdir()
    for step in (1, 2):
        checkpoints.save(folder, *trained(), Progress(step, 0.0))
    assert checkpoints.load(folder, *trained()).step == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
