"""Compares variants of running the UNet: the time of a call relative to the way it is served, in one run.

    python -m benchmarks.execution [--model FOLDER] [--side 512] [--rows 1 --rows 8 ...] [--rounds 9] [--compile]

Every round times every variant once; a result is the median of the ratios over the rounds. `benchmarks.random_model`
writes a folder of a real model's size without a download.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import torch
import typer
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPTextConfig, CLIPTextModel

from pipelines.checkpoints.loader import bundled_model_path
from pipelines.runtime import modes
from pipelines.runtime.compilation import CompileMode
from pipelines.runtime.modes import RunMode

ROWS: Final = (2, 8, 16)
BASELINE: Final = "as served"
BUNDLED: Final = bundled_model_path()

Inputs: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Sample [rows, C, h, w], timesteps [rows], conditioning [rows, tokens, features]."""
UNetCall: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Computes the UNet's output [rows, C, h, w] from `Inputs`."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = BUNDLED,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 9,
    rows: Annotated[list[int] | None, typer.Option(help=f"Rows of a call, repeatable. Default: {ROWS}.")] = None,
    side: Annotated[
        int | None, typer.Option(help="Width and height in pixels. Default: the model's training size.")
    ] = None,
    compile_too: Annotated[
        bool, typer.Option("--compile", help="Also measure compiled variants, which takes minutes.")
    ] = False,
) -> None:
    """Measure the variants and print a table."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inputs = {count: _inputs(model, count, side, device) for count in rows or ROWS}
    variants = _variants(model, device, list(inputs.values()), compile_too=compile_too)
    seconds = {count: _measure(variants, each, rounds) for count, each in inputs.items()}
    baseline_s = {count: statistics.median(times[BASELINE]) for count, times in seconds.items()}
    row_flops = _flops(variants[BASELINE], _inputs(model, 1, side, device))

    table = Table("variant", *(f"{count} rows" for count in inputs))
    for name in variants:
        table.add_row(name, *(f"{_ratio(seconds[count], name):.2f}x" for count in inputs))
    table.add_row("ms per call, as served", *(f"{baseline_s[count] * 1000:.1f}" for count in inputs))
    table.add_row("TFLOP/s, as served", *(f"{count * row_flops / baseline_s[count] / 1e12:.2f}" for count in inputs))
    console = Console()
    console.print(table)
    console.print(
        f"{row_flops / 1e12:.4f} TFLOP per row; {device}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    )


def _ratio(seconds: Mapping[str, list[float]], name: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[BASELINE], strict=True))


def _flops(call: UNetCall, inputs: Inputs) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        call(*inputs)
    return counter.get_total_flops()


def _variants(model: Path, device: torch.device, inputs: Sequence[Inputs], *, compile_too: bool) -> dict[str, UNetCall]:
    on_gpu = device.type == "cuda"
    dtype = torch.float16 if on_gpu else torch.float32

    def served(mode: RunMode, mode_dtype: torch.dtype = dtype) -> UNetCall:
        return _served_call(model, device, mode_dtype, mode, inputs)

    variants = {
        BASELINE: served(RunMode()),
        "without channels_last": _diffusers_call(_unet(model, device, dtype, torch.contiguous_format)),
        "plain attention, not SDPA": _diffusers_call(_plain_attention(_unet(model, device, dtype))),
        "bfloat16": served(RunMode(), torch.bfloat16),
        "exact mode": served(RunMode(exact=True)),
    }
    if on_gpu:
        variants["float32"] = served(RunMode(), torch.float32)
        variants["without CUDA graphs"] = served(RunMode(cuda_graphs=False))
    if compile_too:
        variants |= {f"compile {mode}": served(RunMode(compile=mode)) for mode in _compile_modes(on_gpu)}
    return variants


def _compile_modes(on_gpu: bool) -> Sequence[CompileMode]:
    return ("regional", "default", "reduce-overhead", "max-autotune") if on_gpu else ("default",)


def _unet(
    model: Path,
    device: torch.device,
    dtype: torch.dtype,
    memory_format: torch.memory_format = torch.channels_last,
) -> Any:
    unet = UNet2DConditionModel.from_pretrained(model / "unet", torch_dtype=dtype, use_safetensors=True)
    return unet.to(device, memory_format=memory_format).eval()


def _plain_attention(unet: Any) -> Any:
    unet.set_attn_processor(AttnProcessor())
    return unet


def _diffusers_call(unet: Any) -> UNetCall:
    """Returns a call of the UNet as diffusers calls it."""
    memory_format = torch.channels_last if _is_channels_last(unet) else torch.contiguous_format

    @torch.inference_mode()
    def call(sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        sample, conditioning = sample.to(unet.dtype, memory_format=memory_format), conditioning.to(unet.dtype)
        output: Tensor = unet(sample, timesteps, encoder_hidden_states=conditioning, return_dict=False)[0]
        return output.float().contiguous()

    return call


def _is_channels_last(unet: Any) -> bool:
    weight: Tensor = unet.conv_in.weight
    return weight.is_contiguous(memory_format=torch.channels_last)


def _served_call(
    model: Path, device: torch.device, dtype: torch.dtype, mode: RunMode, inputs: Sequence[Inputs]
) -> UNetCall:
    """Returns a call as the server runs it in this execution mode, prepared for these inputs."""
    parts: tuple[tuple[Any, str], ...] = ((CLIPTextModel, "text_encoder"), (AutoencoderKL, "vae"))
    text_encoder, vae = (part.from_pretrained(model / folder, torch_dtype=dtype).to(device) for part, folder in parts)
    networks = modes.build_networks(mode, text_encoder=text_encoder, unet=_unet(model, device, dtype), vae=vae)

    def call(sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        return networks.denoise(sample, timesteps, conditioning.to(dtype))

    for each in sorted(inputs, key=lambda tensors: len(tensors[0]), reverse=True):
        with modes.preparing(networks):
            call(*each)
    return call


def _inputs(model: Path, rows: int, side: int | None, device: torch.device) -> Inputs:
    unet: dict[str, Any] = UNet2DConditionModel.load_config(model / "unet")
    levels = len(AutoencoderKL.load_config(model / "vae")["block_out_channels"])
    tokens = CLIPTextConfig.from_pretrained(model / "text_encoder").max_position_embeddings
    latents = unet["sample_size"] if side is None else side // 2 ** (levels - 1)
    return (
        torch.randn(rows, unet["in_channels"], latents, latents, device=device),
        torch.full((rows,), 500.0, device=device),
        torch.randn(rows, tokens, unet["cross_attention_dim"], device=device),
    )


def _measure(variants: Mapping[str, UNetCall], inputs: Inputs, rounds: int) -> dict[str, list[float]]:
    for call in variants.values():
        for _ in range(2):
            _seconds(call, inputs)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, call in variants.items():
            seconds[name].append(_seconds(call, inputs))
    return seconds


def _seconds(call: UNetCall, inputs: Inputs) -> float:
    start_s = time.perf_counter()
    call(*inputs)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    app()
