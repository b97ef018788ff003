"""The training loop lowers the loss, resumes exactly, and continues with new batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pipelines.training.loop import Batch, BatchSource, TrainingConfig, prefetched, skip_steps, train


class Rotation(nn.Module):
    """A tiny objective with a matrix for Muon and a bias for Adam: it learns to rotate a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(16, 16)
        with torch.no_grad():
            self.layer.weight.copy_(torch.eye(16))
            self.layer.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        loss: Tensor = (self.layer(x) - x.roll(1, dims=1)).square().mean()
        return loss


def random_batches(step: int, indices: range) -> Batch:
    return {
        "x": torch.stack([torch.randn(16, generator=torch.Generator().manual_seed(step * 97 + i)) for i in indices])
    }


def weights_after(folder: Path, config: TrainingConfig, batches: BatchSource = random_batches) -> dict[str, Tensor]:
    model = Rotation()
    train(model, batches, config, folder, Accelerator(cpu=True))
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    model = Rotation()
    before = model(**random_batches(1000, range(64))).item()
    config = TrainingConfig(steps=60, batch_size=16, learning_rate=0.05, average_decay=0.9)
    train(model, random_batches, config, tmp_path / "run", Accelerator(cpu=True))
    assert model(**random_batches(1000, range(64))).item() < before / 2


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path: Path) -> None:
    config = TrainingConfig(steps=12, batch_size=4, learning_rate=0.02, checkpoint_every=6)
    uninterrupted = weights_after(tmp_path / "uninterrupted", config)

    class StopError(Exception):
        pass

    def failing(step: int, indices: range) -> Batch:
        if step == 9:
            raise StopError
        return random_batches(step, indices)

    with pytest.raises(StopError):
        weights_after(tmp_path / "resumed", config, failing)
    resumed = weights_after(tmp_path / "resumed", config)
    for name, tensor in uninterrupted.items():
        assert torch.equal(tensor, resumed[name]), name


def test_the_batch_size_must_be_a_multiple_of_the_processes(tmp_path: Path) -> None:
    config = TrainingConfig(steps=1, batch_size=3, learning_rate=0.1)
    accelerator = Accelerator(cpu=True)
    accelerator.state.num_processes = 2
    try:
        with pytest.raises(ValueError, match="must be a multiple of the 2 processes"):
            train(Rotation(), random_batches, config, tmp_path, accelerator)
    finally:
        accelerator.state.num_processes = 1


def test_a_run_that_continues_another_gets_the_batches_after_it() -> None:
    later = skip_steps(random_batches, 7)
    assert torch.equal(later(2, range(3))["x"], random_batches(9, range(3))["x"])


# The workers are forks of a process that has torch's threads, which they do not use.
@pytest.mark.filterwarnings("ignore:.* is multi-threaded, use of fork:DeprecationWarning")
def test_batches_that_processes_create_ahead_are_the_same() -> None:
    state = torch.get_rng_state()
    ahead = prefetched(random_batches, 9, workers=2)

    for step in range(5, 9):
        assert torch.equal(ahead(step, range(3))["x"], random_batches(step, range(3))["x"])
    assert torch.equal(torch.get_rng_state(), state)
    assert prefetched(random_batches, 9, workers=0) is random_batches
