"""The training loop that every stage shares: optimizer, learning rate, running average, checkpoints, progress.

It knows neither the data nor the loss: a stage passes in a module that returns a loss, and a source of batches. Sample
i of step s depends on the seed, s and i only, so a run that is resumed, or distributed over several processes by
accelerate, sees the same batches as an uninterrupted run in one process.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from pipelines.training import checkpoints
from pipelines.training.muon import Muon

ItemT = TypeVar("ItemT")
Batch = dict[str, torch.Tensor]
BatchSource = Callable[[int, range], Batch]
"""Creates the samples of one step: (step, indices within the global batch) -> tensors by name, one row per index."""


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Hyperparameters of a training run."""

    steps: int
    batch_size: int
    """Global batch size, over all processes."""
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    average_decay: float = 0.999
    gradient_norm: float = 1.0
    checkpoint_every: int = 250

    def learning_rate_at(self, step: int) -> float:
        """Returns the learning rate of a step: linear warm-up, then a half cosine down to 1% of the peak."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def sample_rng(seed: int, step: int, index: int) -> random.Random:
    """Returns the generator of one sample, the same in every process."""
    return random.Random(f"{seed}/{step}/{index}")


def step_rng(seed: int, step: int) -> random.Random:
    """Returns the generator of values that a whole batch shares, such as its image size."""
    return random.Random(f"{seed}/{step}")


def skip_steps(batches: BatchSource, steps: int) -> BatchSource:
    """Returns the batches after the first `steps` steps, so that a run that continues another one sees new samples."""
    return lambda step, indices: batches(steps + step, indices)


class _Steps(Dataset[Batch]):
    """The batches of all steps, for torch's DataLoader."""

    def __init__(self, batches: BatchSource, indices: range) -> None:
        self._batches = batches
        self._indices = indices

    def __getitem__(self, step: int) -> Batch:
        return self._batches(step, self._indices)


def data_loader(dataset: Dataset[ItemT], order: range, *, batch_size: int | None, workers: int) -> DataLoader[ItemT]:
    """Returns a loader for the items in that order, whose workers are forks, so that nothing need be pickled.

    With no workers, this process makes the items. torch's own generator, from which new weights are drawn, stays as
    it is.
    """
    return DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=order,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        generator=torch.Generator(),
    )


def prefetched(batches: BatchSource, steps: int, workers: int) -> BatchSource:
    """Returns the same batches, created ahead by so many processes. They must be asked for step by step.

    The steps after the first that is asked for are created, up to `steps`. Without workers, nothing changes.
    """
    iterator: Iterator[Batch] | None = None

    def batch(step: int, indices: range) -> Batch:
        nonlocal iterator
        if iterator is None:
            loader = data_loader(_Steps(batches, indices), range(step, steps), batch_size=None, workers=workers)
            iterator = iter(loader)
        return next(iterator)

    return batch if workers else batches


def train(
    objective: nn.Module, batches: BatchSource, config: TrainingConfig, folder: Path, accelerator: Accelerator
) -> float:
    """Trains `objective`, whose forward takes a batch's tensors by name and returns the mean loss.

    Resumes from the checkpoint in `folder` where there is one. On return the objective holds the running average of its
    weights. Returns the seconds that all steps took, including those before a resumption.
    Raises `ValueError` where the batch size is not a multiple of the number of processes.
    """
    per_process, remainder = divmod(config.batch_size, accelerator.num_processes)
    if remainder:
        raise ValueError(
            f"the batch size, {config.batch_size}, must be a multiple of the {accelerator.num_processes} processes"
        )
    indices = range(accelerator.process_index * per_process, (accelerator.process_index + 1) * per_process)

    # torch types `to` without `memory_format` alone, which it documents.
    objective.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainable = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
    optimizer = Muon(trainable, config.learning_rate, config.weight_decay)
    average = {name: tensor.detach().clone() for name, tensor in objective.state_dict().items()}
    progress = checkpoints.load(folder, objective, average, optimizer) if folder.exists() else checkpoints.Progress()
    step, start_s = progress.step, time.monotonic() - progress.seconds
    wrapped, optimizer = accelerator.prepare(objective, optimizer)

    smoothed_loss: float | None = None
    with tqdm(total=config.steps, initial=step, disable=not accelerator.is_main_process, mininterval=5) as bar:
        while step < config.steps:
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate_at(step)
            batch = {name: tensor.to(accelerator.device) for name, tensor in batches(step, indices).items()}
            loss = wrapped(**batch)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_([parameter for _, parameter in trainable], config.gradient_norm)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            _update_average(average, objective, min(config.average_decay, step / (step + 10)))
            smoothed_loss = loss.item() if smoothed_loss is None else 0.98 * smoothed_loss + 0.02 * loss.item()
            bar.update()
            bar.set_postfix(loss=f"{smoothed_loss:.5f}", refresh=False)
            if accelerator.is_main_process and (step % config.checkpoint_every == 0 or step == config.steps):
                progress = checkpoints.Progress(step, time.monotonic() - start_s)
                checkpoints.save(folder, objective, average, optimizer, progress)
    accelerator.wait_for_everyone()
    objective.load_state_dict(average)
    return time.monotonic() - start_s


@torch.no_grad()
def _update_average(average: dict[str, torch.Tensor], model: nn.Module, decay: float) -> None:
    for name, tensor in model.state_dict().items():
        average[name].lerp_(tensor, 1 - decay) if tensor.is_floating_point() else average[name].copy_(tensor)
