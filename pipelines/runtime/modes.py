"""The ways to run a model's networks: as batches come, exactly, or compiled. It puts them together and tries them out.

How each way works is known to `exactness`, `compiling` and `padding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from pipelines.errors import ModelLoadError
from pipelines.interface import ModelInfo
from pipelines.runtime import batch_invariance, compilation
from pipelines.runtime.batching import BatchingByNetwork, Padded, Unpadded, row_buckets
from pipelines.runtime.compilation import CompiledUNet
from pipelines.runtime.networks import Networks


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What whoever serves a model chooses."""

    exact: bool = False
    """The same bits in any company; a process that asks for it calls `exactness.settle_kernels` first."""
    compile: Literal["off", "default", "reduce-overhead"] = "off"
    """torch.compile of the UNet for the trained sizes, in torch's mode of that name; the latter records CUDA graphs."""
    max_rows: int = 16
    """Rows in a UNet call. Exact mode pads to it, compiled mode up to it."""
    max_decode: int = 4
    """Images in a decode; exact mode pads to it."""


def row_sizes(execution: Execution) -> tuple[int, ...]:
    """Numbers of rows to which UNet calls are padded, in order; none where they run as they come."""
    if execution.exact:
        return (execution.max_rows,)
    return () if execution.compile == "off" else tuple(row_buckets(execution.max_rows))


def assemble(execution: Execution, *, text_encoder: Any, unet: Any, vae: Any) -> Networks:
    """The networks, to be run that way. Raises `ModelLoadError` where that cannot be."""
    if execution.exact and execution.compile != "off":
        raise ModelLoadError("Exact mode runs networks as they are written: it cannot be had together with compile.")
    denoiser, batchings = None, BatchingByNetwork()
    if execution.exact:
        batchings = batch_invariance.batchings(max_rows=execution.max_rows, max_decode=execution.max_decode)
    elif execution.compile != "off":
        compilation.check(unet.device, execution.compile)
        denoiser = CompiledUNet(unet, execution.compile)
        batchings = BatchingByNetwork(texts=Unpadded(), rows=Padded(row_buckets(execution.max_rows)), images=Unpadded())
    return Networks(text_encoder=text_encoder, unet=unet, vae=vae, batchings=batchings, denoiser=denoiser)


def prepare(execution: Execution, networks: Networks, info: ModelInfo, report: Callable[[], object]) -> None:
    """Compile, or try exactness, at each trained size; `report` is called before each call of a network.

    Raises `ModelLoadError` where this machine is not exact.
    """
    for width, height in info.sizes:
        shape = (networks.unet.config.in_channels, height // networks.scale, width // networks.scale)
        if execution.exact:
            _check_exactness(execution, networks, shape, info.prompt_tokens, report)
        elif isinstance(networks.denoiser, CompiledUNet):
            for rows in row_buckets(execution.max_rows):
                report()
                with networks.denoiser.compiling():
                    networks.denoise(*_noise(networks, rows, shape, info.prompt_tokens))


def _check_exactness(
    execution: Execution,
    networks: Networks,
    shape: tuple[int, int, int],
    tokens: int,
    report: Callable[[], object],
) -> None:
    sample, timestep, conditioning = _noise(networks, 1, shape, tokens)
    text = torch.arange(tokens)[None] % networks.text_encoder.config.vocab_size
    checks: Iterable[tuple[Callable[..., Tensor], int, tuple[Tensor, ...]]] = (
        (networks.encode, batch_invariance.TEXTS, (text, torch.ones_like(text))),
        (networks.denoise, execution.max_rows, (sample, timestep, conditioning)),
        (networks.decode, execution.max_decode, (sample,)),
    )
    for network, places, row in checks:
        report()
        batch_invariance.check_places(network, places, *row)


def _noise(networks: Networks, rows: int, shape: tuple[int, int, int], tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """A sample, timesteps and a conditioning such as `Networks.denoise` takes."""
    generator = torch.Generator("cpu").manual_seed(0)
    conditioning = torch.randn(rows, tokens, networks.text_encoder.config.hidden_size, generator=generator)
    return (
        torch.randn(rows, *shape, generator=generator).to(networks.device),
        torch.full((rows,), 500.0),
        conditioning.to(networks.device, networks.dtype),
    )
