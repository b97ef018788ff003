"""The training loop that every stage shares: optimizer, learning rate, running average, checkpoints, progress.

It knows no data and no loss: a stage hands it a module that returns a loss, and a source of batches. Sample i of
step s depends on the seed, s and i alone, so a run that is resumed, or spread over several processes by accelerate,
sees the batches of an undisturbed one.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn
from tqdm import tqdm

from pipelines.training import checkpoints
from pipelines.training.muon import Muon

Batch = dict[str, torch.Tensor]
BatchSource = Callable[[int, range], Batch]
"""Makes the samples of one step: (step, indices within the joint batch) -> tensors of that many samples."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast a stage learns."""

    steps: int
    batch_size: int
    """Over all processes together."""
    learning_rate: float
    warmup_steps: int = 100
    weight_decay: float = 0.01
    average_decay: float = 0.999
    gradient_norm: float = 1.0
    checkpoint_every: int = 250

    def rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to 1% of the learning rate."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        done = min(1.0, (step - self.warmup_steps) / max(1, self.steps - self.warmup_steps))
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def sample_rng(seed: int, step: int, index: int) -> random.Random:
    """The generator of one sample; the same on whatever process draws it."""
    return random.Random(f"{seed}/{step}/{index}")


def step_rng(seed: int, step: int) -> random.Random:
    """The generator of what a whole batch shares, such as its image size."""
    return random.Random(f"{seed}/{step}")


def continued(batches: BatchSource, steps: int) -> BatchSource:
    """Those after the first `steps` steps, so that a run that goes on from another sees new samples."""
    return lambda step, indices: batches(steps + step, indices)


def train(objective: nn.Module, batches: BatchSource, plan: Plan, folder: Path, accelerator: Accelerator) -> float:
    """Train `objective`, whose forward takes a batch's tensors by name and returns the mean loss.

    Resumes from `folder` where it holds a checkpoint. On return the objective holds the running average's weights.
    Returns the seconds that its steps took, those before it was resumed among them.
    """
    share, left_over = divmod(plan.batch_size, accelerator.num_processes)
    if left_over:
        raise ValueError(f"a batch of {plan.batch_size} does not divide over {accelerator.num_processes} processes")
    mine = range(accelerator.process_index * share, (accelerator.process_index + 1) * share)

    objective.to(accelerator.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learned = [(name, parameter) for name, parameter in objective.named_parameters() if parameter.requires_grad]
    optimizer = Muon(learned, plan.learning_rate, plan.weight_decay)
    average = {name: tensor.detach().clone() for name, tensor in objective.state_dict().items()}
    progress = checkpoints.load(folder, objective, average, optimizer) if folder.exists() else checkpoints.Progress()
    step, began = progress.step, time.monotonic() - progress.seconds
    wrapped, optimizer = accelerator.prepare(objective, optimizer)

    recent: float | None = None
    with tqdm(total=plan.steps, initial=step, disable=not accelerator.is_main_process, mininterval=5) as bar:
        while step < plan.steps:
            for group in optimizer.param_groups:
                group["lr"] = plan.rate(step)
            batch = {name: tensor.to(accelerator.device) for name, tensor in batches(step, mine).items()}
            loss = wrapped(**batch)
            accelerator.backward(loss)
            accelerator.clip_grad_norm_([parameter for _, parameter in learned], plan.gradient_norm)
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            _follow(average, objective, min(plan.average_decay, step / (step + 10)))
            recent = loss.item() if recent is None else 0.98 * recent + 0.02 * loss.item()
            bar.update()
            bar.set_postfix(loss=f"{recent:.5f}", refresh=False)
            if accelerator.is_main_process and (step % plan.checkpoint_every == 0 or step == plan.steps):
                progress = checkpoints.Progress(step, time.monotonic() - began)
                checkpoints.save(folder, objective, average, optimizer, progress)
    accelerator.wait_for_everyone()
    objective.load_state_dict(average)
    return time.monotonic() - began


@torch.no_grad()
def _follow(average: dict[str, torch.Tensor], model: nn.Module, decay: float) -> None:
    for name, tensor in model.state_dict().items():
        average[name].lerp_(tensor, 1 - decay) if tensor.is_floating_point() else average[name].copy_(tensor)
