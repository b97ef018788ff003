"""Training checkpoints: weights, their running average and the optimizer's moments, as safetensors and JSON.

A checkpoint is a folder. It is written under a temporary name and then renamed, so a partial one is never loaded.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Progress:
    """The steps that a training run has made."""

    step: int = 0
    seconds: float = 0.0
    """Time spent on those steps, summed over all resumptions of the run."""


def save(
    folder: Path, model: nn.Module, average: Tensors, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Writes the checkpoint, replacing an earlier one at `folder`."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_file(_to_cpu(dict(model.state_dict())), partial / "model.safetensors")
    save_file(_to_cpu(average), partial / "average.safetensors")
    save_file(_to_cpu(_moments(optimizer.state_dict())), partial / "optimizer.safetensors")
    (partial / "progress.json").write_text(json.dumps(asdict(progress)))
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def load(folder: Path, model: nn.Module, average: Tensors, optimizer: torch.optim.Optimizer) -> Progress:
    """Restores the model, the average and the optimizer in place and returns the progress."""
    model.load_state_dict(load_file(folder / "model.safetensors"))
    saved = load_file(folder / "average.safetensors")
    for name, tensor in average.items():
        tensor.copy_(saved[name])
    state = optimizer.state_dict()
    state["state"] = {}
    for key, tensor in load_file(folder / "optimizer.safetensors").items():
        index, name = key.split(".", 1)
        state["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(state)
    return Progress(**json.loads((folder / "progress.json").read_text()))


def _moments(state: dict[str, Any]) -> Tensors:
    return {f"{index}.{name}": tensor for index, slots in state["state"].items() for name, tensor in slots.items()}


def _to_cpu(tensors: Tensors) -> Tensors:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
