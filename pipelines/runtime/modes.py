"""The modes in which a model's networks run: default, exact or compiled.

This module builds networks for a mode and prepares them. How each mode works is in `batching`, `batch_invariance` and
`compilation`.
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
from pipelines.runtime.batching import BatchingByNetwork, Padded, row_buckets
from pipelines.runtime.compilation import CompiledUNet
from pipelines.runtime.networks import Networks


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMode:
    """How to run a model's networks, as chosen by whoever serves the model."""

    exact: bool = False
    """Make results independent of the batch, to the bit. The process must call
    `batch_invariance.use_deterministic_kernels` before it loads the model."""
    compile: Literal["off", "default", "reduce-overhead"] = "off"
    """The mode of torch.compile for the UNet at the trained sizes. reduce-overhead records CUDA graphs."""
    max_rows: int = 16
    """Most rows in a UNet call. Exact mode pads to it, compiled mode up to it."""
    max_decode: int = 4
    """Most images in a decode. Exact mode pads to it."""
    max_decode_pixels: int | None = 2048 * 2048
    """Most pixels that are decoded at once: more images are decoded in slices, and a larger image in tiles. None is no
    limit."""


def row_sizes(mode: RunMode) -> tuple[int, ...]:
    """Return the numbers of rows to which UNet calls are padded, in ascending order. Empty without padding."""
    if mode.exact:
        return (mode.max_rows,)
    return () if mode.compile == "off" else tuple(row_buckets(mode.max_rows))


def build_networks(mode: RunMode, *, text_encoder: Any, unet: Any, vae: Any) -> Networks:
    """Build the networks for that mode. Raises `ModelLoadError` where the mode is not possible."""
    if mode.exact and mode.compile != "off":
        raise ModelLoadError("Exact mode and compile exclude each other: set exact=false or compile=off.")
    denoiser, batching = None, BatchingByNetwork()
    if mode.exact:
        batching = batch_invariance.exact_batching(max_rows=mode.max_rows, max_decode=mode.max_decode)
    elif mode.compile != "off":
        compilation.check(unet.device, mode.compile)
        denoiser = CompiledUNet(unet, mode.compile)
        batching = BatchingByNetwork(rows=Padded(row_buckets(mode.max_rows)))
    return Networks(
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        batching=batching,
        denoiser=denoiser,
        max_decode_pixels=mode.max_decode_pixels,
    )


def prepare_networks(mode: RunMode, networks: Networks, info: ModelInfo, report: Callable[[], object]) -> None:
    """Compile the UNet, or verify that results are exact, at each trained size. The default mode needs neither.

    `report` is called before each call of a network. Raises `ModelLoadError` where this machine is not exact.
    """
    for width, height in info.sizes:
        shape = (networks.unet.config.in_channels, height // networks.scale, width // networks.scale)
        if mode.exact:
            _check_exactness(mode, networks, shape, info.prompt_tokens, report)
        elif isinstance(networks.denoiser, CompiledUNet):
            for rows in row_buckets(mode.max_rows):
                report()
                with networks.denoiser.compiling():
                    networks.denoise(*_random_inputs(networks, rows, shape, info.prompt_tokens))


def _check_exactness(
    mode: RunMode,
    networks: Networks,
    shape: tuple[int, int, int],
    tokens: int,
    report: Callable[[], object],
) -> None:
    sample, timestep, conditioning = _random_inputs(networks, 1, shape, tokens)
    text = torch.arange(tokens)[None] % networks.text_encoder.config.vocab_size
    checks: Iterable[tuple[Callable[..., Tensor], int, tuple[Tensor, ...]]] = (
        (networks.encode, batch_invariance.TEXTS, (text, torch.ones_like(text))),
        (networks.denoise, mode.max_rows, (sample, timestep, conditioning)),
        (networks.decode, mode.max_decode, (sample,)),
    )
    for network, positions, row in checks:
        report()
        batch_invariance.check_position_invariance(network, positions, *row)


def _random_inputs(
    networks: Networks, rows: int, shape: tuple[int, int, int], tokens: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a sample, timesteps and a conditioning for `Networks.denoise`. `shape` is [C, h, w]."""
    generator = torch.Generator("cpu").manual_seed(0)
    conditioning = torch.randn(rows, tokens, networks.text_encoder.config.hidden_size, generator=generator)
    return (
        torch.randn(rows, *shape, generator=generator).to(networks.device),
        torch.full((rows,), 500.0),
        conditioning.to(networks.device, networks.dtype),
    )
