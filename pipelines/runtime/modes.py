"""The modes in which a model's networks run: default, exact, compiled, quantized, with or without graphs.

This module builds networks for a mode and prepares them. How each mode works is in `batching`, `batch_invariance`,
`compilation`, `fp8` and `graphs`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import torch
from torch import Tensor

from pipelines.errors import ModelLoadError
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from pipelines.runtime import batch_invariance, compilation, cuda_graphs, fp8
from pipelines.runtime.batching import Batching, BatchingByNetwork, Padded, image_buckets, row_buckets
from pipelines.runtime.compilation import CompiledUNet, CompileMode
from pipelines.runtime.devices import CALLS_PRIORITY, DECODE_PRIORITY
from pipelines.runtime.graphs import Graphed, GraphRecorder
from pipelines.runtime.networks import Networks

Shape: TypeAlias = tuple[int, int, int]
"""Channels, height and width of the latents of a size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMode:
    """The way in which a model's networks run, as chosen by whoever serves the model."""

    exact: bool = False
    """Make results independent of the batch, to the bit. The process must call
    `batch_invariance.use_deterministic_kernels` before it loads the model."""
    compile: CompileMode | Literal["off"] = "off"
    """The mode of torch.compile for the UNet at the trained sizes. reduce-overhead has torch record CUDA graphs."""
    cuda_graphs: bool = True
    """Record the UNet and the decoder at the trained sizes as CUDA graphs, where the device has them."""
    quantize: Literal["off", "fp8"] = "off"
    """fp8 runs the UNet's large linear layers in 8-bit floats."""
    max_rows: int = 16
    """Most rows in a UNet call. Exact mode pads to it; compiled models and graphs pad up to it."""
    max_decode: int = 4
    """Most images in a decode. Exact mode pads to it, graphs up to it."""
    max_decode_pixels: int | None = 2048 * 2048
    """Most pixels that are decoded or encoded at once: more images are computed in slices, and a larger image in tiles.
    None is no limit."""


class MakeRecorder(Protocol):
    """Makes a graph recorder for a device, or None if the device has no graphs."""

    def __call__(self, device: torch.device, *, priority: int) -> GraphRecorder | None: ...


def row_sizes(mode: RunMode, device: torch.device) -> tuple[int, ...]:
    """Return the numbers of rows to which UNet calls are padded, in ascending order. Empty without padding."""
    has_graphs = mode.cuda_graphs and device.type == "cuda"
    return tuple(_row_sizes(mode)) if mode.exact or mode.compile != "off" or has_graphs else ()


def build_networks(
    mode: RunMode,
    *,
    text_encoder: Any,
    unet: Any,
    vae: Any,
    added_inputs: Mapping[str, int] | None = None,
    make_recorder: MakeRecorder = cuda_graphs.recorder,
) -> Networks:
    """Build the networks for that mode. Raises `ModelLoadError` where the mode is not possible.

    `added_inputs` is that of `Networks`.
    """
    if mode.exact and mode.compile != "off":
        raise ModelLoadError("Exact mode and compile exclude each other: set exact=false or compile=off.")
    if mode.quantize == "fp8":
        fp8.check(unet.device)
        fp8.quantize(unet)
    denoiser, batching = None, BatchingByNetwork()
    if mode.exact:
        batching = batch_invariance.exact_batching(max_rows=mode.max_rows, max_decode=mode.max_decode)
    elif mode.compile != "off":
        compilation.check(unet.device, mode.compile)
        denoiser = CompiledUNet(unet, mode.compile)
        batching = BatchingByNetwork(rows=Padded(row_buckets(mode.max_rows)))
    if mode.cuda_graphs:
        batching = _with_graphs(mode, batching, unet.device, make_recorder)
    return Networks(
        text_encoder=text_encoder,
        unet=unet,
        vae=vae,
        batching=batching,
        denoiser=denoiser,
        max_decode_pixels=mode.max_decode_pixels,
        added_inputs=added_inputs,
    )


def _with_graphs(
    mode: RunMode, batching: BatchingByNetwork, device: torch.device, make_recorder: MakeRecorder
) -> BatchingByNetwork:
    """Return the batching with graphs for the UNet and the decoder, where the device has graphs.

    They have a recorder each, since a decode may run beside UNet calls.
    """

    def graphed(otherwise: Batching, sizes: Sequence[int], priority: int, label: str) -> Batching:
        recorder = make_recorder(device, priority=priority)
        return Graphed(recorder, sizes, otherwise, label=label) if recorder is not None else otherwise

    image_sizes = [mode.max_decode] if mode.exact else image_buckets(mode.max_decode)
    images = graphed(batching.images, image_sizes, DECODE_PRIORITY, "decodes")
    if mode.compile == "reduce-overhead":  # torch records the UNet
        return batching._replace(images=images)
    return batching._replace(rows=graphed(batching.rows, _row_sizes(mode), CALLS_PRIORITY, "UNet calls"), images=images)


def _row_sizes(mode: RunMode) -> list[int]:
    return [mode.max_rows] if mode.exact else row_buckets(mode.max_rows)


def prepare_networks(mode: RunMode, networks: Networks, info: ModelInfo, report: Report) -> None:
    """Compile and record the networks, and verify that results are exact, at each trained size, as the mode wants it.

    `report` is called before each call of a network. Raises `ModelLoadError` where this machine is not exact.
    """
    scale = networks.scale
    sizes = [(height // scale, width // scale) for width, height in info.sizes]
    shapes = [(networks.unet.config.in_channels, *size) for size in sizes]
    _prepare_unet(networks, shapes, _row_sizes(mode), info.prompt_tokens, report)
    _prepare_decoder(networks, [(networks.vae.config.latent_channels, *size) for size in sizes], report)
    if mode.exact:
        for shape in shapes:
            _check_exactness(mode, networks, shape, info.prompt_tokens, report)


@contextlib.contextmanager
def preparing(networks: Networks) -> Iterator[None]:
    """Within this context, a UNet call of a new shape compiles that shape and records it, if the networks do so."""
    with contextlib.ExitStack() as contexts:
        if isinstance(networks.denoiser, CompiledUNet):
            contexts.enter_context(networks.denoiser.compiling())
        if isinstance(networks.batching.rows, Graphed):
            contexts.enter_context(networks.batching.rows.recording())
        yield


def _prepare_unet(
    networks: Networks, shapes: Iterable[Shape], sizes: Sequence[int], tokens: int, report: Report
) -> None:
    if not (isinstance(networks.denoiser, CompiledUNet) or isinstance(networks.batching.rows, Graphed)):
        return
    doing = "compiling" if isinstance(networks.denoiser, CompiledUNet) else "recording"
    for shape, rows in _largest_first(shapes, sizes):
        report(f"{doing} a UNet call of {rows} rows{_at(networks, shape)}")
        with preparing(networks):
            networks.denoise(*_random_inputs(networks, rows, shape, tokens))


def _prepare_decoder(networks: Networks, shapes: Iterable[Shape], report: Report) -> None:
    graphed = networks.batching.images
    if not isinstance(graphed, Graphed):
        return
    for shape, images in _largest_first(shapes, graphed.sizes):
        report(f"recording a decode of {images} images{_at(networks, shape)}")
        with graphed.recording():
            networks.decode(torch.zeros(images, *shape, device=networks.device))


def _largest_first(shapes: Iterable[Shape], sizes: Iterable[int]) -> list[tuple[Shape, int]]:
    """Return each shape with each number of rows, in the order of their memory, since graphs reuse that of others."""
    calls = [(shape, size) for shape in shapes for size in sizes]
    return sorted(calls, key=lambda call: call[1] * call[0][1] * call[0][2], reverse=True)


def _check_exactness(
    mode: RunMode,
    networks: Networks,
    shape: Shape,
    tokens: int,
    report: Report,
) -> None:
    sample, *others = _random_inputs(networks, 1, shape, tokens)
    latents = sample[:, : networks.unet.config.out_channels]
    _, height, width = shape
    image = torch.randn(1, 3, networks.scale * height, networks.scale * width).clamp(-1, 1)
    text = torch.arange(tokens)[None] % networks.text_encoder.config.vocab_size
    # The shortest call is the first: each says for how long whoever waits for a report must be patient with the next.
    checks: Iterable[tuple[str, Callable[..., Tensor], int, tuple[Tensor, ...]]] = (
        ("texts", networks.encode, batch_invariance.TEXTS, (text, torch.ones_like(text))),
        ("encoded images", lambda images: networks.encoder.encode(images).mean, batch_invariance.INPUTS, (image,)),
        ("decoded images", networks.decode, mode.max_decode, (latents,)),
        ("UNet rows", networks.denoise, mode.max_rows, (sample, *others)),
    )
    for checked, network, positions, row in checks:
        report(f"checking that {positions} {checked} are exact{_at(networks, shape)}")
        batch_invariance.check_position_invariance(network, positions, *row)


def _at(networks: Networks, shape: Shape) -> str:
    """Return the size of an image in words for people."""
    _, height, width = shape
    return f" at {width * networks.scale}x{height * networks.scale}"


def _random_inputs(networks: Networks, rows: int, shape: Shape, tokens: int) -> tuple[Tensor, ...]:
    """Return a sample, timesteps, a conditioning and the added inputs for `Networks.denoise`. `shape` is [C, h, w]."""
    generator = torch.Generator("cpu").manual_seed(0)

    def random(*size: int) -> Tensor:
        return torch.randn(rows, *size, generator=generator).to(networks.device, networks.dtype)

    return (
        random(*shape),
        torch.full((rows,), 500.0),
        random(tokens, networks.unet.config.cross_attention_dim),
        *(random(numbers) for numbers in networks.added_inputs.values()),
    )
