"""Copies between the host and the device for which neither waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class StreamEvent(Protocol):
    """The part of torch.cuda.Event that is used here: a mark in the work of a stream."""

    def query(self) -> bool:
        """True if the work before the mark is done."""

    def synchronize(self) -> None:
        """Wait until the work before the mark is done."""


@dataclass(frozen=True, slots=True)
class Download:
    """A tensor on its way from the device. `result` waits for it."""

    tensor: Tensor
    """On the CPU. Its numbers are valid after the event `done`."""
    done: StreamEvent | None
    """None if the numbers were there at once."""

    @property
    def ready(self) -> bool:
        return self.done is None or self.done.query()

    def result(self) -> Tensor:
        if self.done is not None:
            self.done.synchronize()
        return self.tensor


def download(tensor: Tensor) -> Download:
    """Start to copy a tensor to the CPU, to pinned memory where the device is a GPU."""
    copied = tensor.to("cpu", non_blocking=True)
    done = torch.cuda.current_stream(tensor.device).record_event() if tensor.device.type == "cuda" else None
    return Download(copied, done)


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """Start to copy a CPU tensor to the device, by way of pinned memory where that is a GPU."""
    return upload_stacked([tensor], device)[0]


def upload_stacked(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """Stack CPU tensors of one shape and dtype, and start to copy the stack to the device."""
    first = tensors[0]
    staged = torch.empty(len(tensors), *first.shape, dtype=first.dtype, pin_memory=device.type == "cuda")
    torch.stack(list(tensors), out=staged)
    return staged.to(device, non_blocking=True)
