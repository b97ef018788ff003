"""The arithmetic bound: how many images a second a device could make if it only did the networks' arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.parts import models
from benchmarks.gpu.parts.models import Model

_TERA: Final = 1e12

PEAKS: Final = (
    # NVIDIA's data sheets give peaks with sparsity, twice these.
    ("H100 PCIe", 756.5),
    ("H100 NVL", 835.5),
    ("H100", 989.4),
    ("H200", 989.4),
    ("A100", 312.0),
)
"""Dense float16 TFLOP/s with the tensor cores, by a part of the device's name; the first that fits holds."""


@dataclass(frozen=True, slots=True)
class Work:
    """TFLOP of a model's networks at its trained size."""

    row: float
    """TFLOP of one row of a UNet call."""
    decode: float
    """TFLOP of the decode of one image."""

    def image(self, steps: int) -> float:
        """TFLOP of a guided image, which takes two rows a step."""
        return 2 * steps * self.row + self.decode


def work(model: Model) -> Work:
    """Count the operations of the networks, without a device: PyTorch's meta tensors have shapes and no numbers."""
    unet, vae = models.unet(model, "meta", torch.float32), models.vae(model, "meta", torch.float32)
    arguments, latents = models.inputs(model, 1, "meta", torch.float32), models.latents(model, 1, "meta", torch.float32)
    with FlopCounterMode(display=False) as row, torch.inference_mode():
        unet(**arguments)
    with FlopCounterMode(display=False) as decode, torch.inference_mode():
        vae.decode(latents)
    return Work(row.get_total_flops() / _TERA, decode.get_total_flops() / _TERA)


def peak(device_name: str) -> float | None:
    """Return the dense float16 TFLOP/s that NVIDIA gives for the device; None for one that is not listed."""
    return next((tflops for part, tflops in PEAKS if part in device_name), None)


def images_per_s(model: Model, steps: int, device_name: str) -> float | None:
    """Return the bound for guided images; None where the device's peak is not known."""
    tflops = peak(device_name)
    return None if tflops is None else tflops / work(model).image(steps)


def share(rate: float, bound: float | None) -> float | None:
    """Return the rate as a share of the bound."""
    return None if bound is None else rate / bound
