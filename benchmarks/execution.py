"""What each way of running the UNet is worth: how long a call takes against the way it is served, in one run.

    python -m benchmarks.execution [--model FOLDER] [--side 512] [--rows 1 --rows 8 ...] [--rounds 9] [--compile]

Every round times every way once, one after the other; a figure is the median of the rounds' ratios. A folder of a real
model's size, without a download: `benchmarks.random_model`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
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
from pipelines.runtime.compilation import CompiledUNet
from pipelines.runtime.modes import RunMode

ROWS: Final = (2, 8, 16)
SERVED: Final = "as served"
BUNDLED: Final = bundled_model_path()

Inputs: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Sample [rows, C, h, w], timesteps [rows], conditioning [rows, tokens, features]."""
Call: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""To the UNet's output."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = BUNDLED,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 9,
    rows: Annotated[list[int] | None, typer.Option(help=f"Rows of a call, repeatable; {ROWS} if absent.")] = None,
    side: Annotated[int | None, typer.Option(help="Pixels; what the model was trained for if absent.")] = None,
    compile_too: Annotated[bool, typer.Option("--compile", help="Compile too, which takes minutes.")] = False,
) -> None:
    """Measure, and print a table."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    inputs = {count: _inputs(model, count, side, device) for count in rows or ROWS}
    ways = _ways(model, device, inputs.values() if compile_too else [])
    seconds = {count: _measure(ways, each, rounds) for count, each in inputs.items()}
    served_s = {count: statistics.median(times[SERVED]) for count, times in seconds.items()}
    row_flops = _flops(ways[SERVED], _inputs(model, 1, side, device))

    table = Table("way", *(f"{count} rows" for count in inputs))
    for name in ways:
        table.add_row(name, *(f"{_ratio(seconds[count], name):.2f}x" for count in inputs))
    table.add_row("ms a call, as served", *(f"{served_s[count] * 1000:.1f}" for count in inputs))
    table.add_row("TFLOP/s, as served", *(f"{count * row_flops / served_s[count] / 1e12:.2f}" for count in inputs))
    console = Console()
    console.print(table)
    console.print(
        f"{row_flops / 1e12:.4f} TFLOP a row; {device}, {torch.get_num_threads()} threads, {torch.__version__}"
    )


def _ratio(seconds: Mapping[str, list[float]], name: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[SERVED], strict=True))


def _flops(call: Call, inputs: Inputs) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        call(*inputs)
    return counter.get_total_flops()


def _ways(model: Path, device: torch.device, compile_for: Iterable[Inputs]) -> dict[str, Call]:
    on_gpu = device.type == "cuda"
    served = torch.float16 if on_gpu else torch.float32
    ways = {
        SERVED: _networks(model, device, served, RunMode()),
        "without channels_last": _bare(_unet(model, device, served, torch.contiguous_format)),
        "attention written out, not SDPA": _bare(_written_out(_unet(model, device, served))),
        "bfloat16": _networks(model, device, torch.bfloat16, RunMode()),
        "exact mode": _networks(model, device, served, RunMode(exact=True)),
    }
    if on_gpu:
        ways["float32"] = _networks(model, device, torch.float32, RunMode())
    shapes = list(compile_for)
    if shapes:
        ways["compile"] = _networks(model, device, served, RunMode(compile="default"), shapes)
    if shapes and on_gpu:
        ways["compile, CUDA graphs"] = _networks(model, device, served, RunMode(compile="reduce-overhead"), shapes)
    return ways


def _unet(
    model: Path,
    device: torch.device,
    dtype: torch.dtype,
    memory_format: torch.memory_format = torch.channels_last,
) -> Any:
    unet = UNet2DConditionModel.from_pretrained(model / "unet", torch_dtype=dtype, use_safetensors=True)
    return unet.to(device, memory_format=memory_format).eval()


def _written_out(unet: Any) -> Any:
    unet.set_attn_processor(AttnProcessor())
    return unet


def _bare(unet: Any) -> Call:
    """The UNet as diffusers calls it."""
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


def _networks(
    model: Path, device: torch.device, dtype: torch.dtype, mode: RunMode, compile_for: Iterable[Inputs] = ()
) -> Call:
    """As the server runs it that way."""
    parts: tuple[tuple[Any, str], ...] = ((CLIPTextModel, "text_encoder"), (AutoencoderKL, "vae"))
    text_encoder, vae = (part.from_pretrained(model / folder, torch_dtype=dtype).to(device) for part, folder in parts)
    networks = modes.build_networks(mode, text_encoder=text_encoder, unet=_unet(model, device, dtype), vae=vae)
    if isinstance(networks.denoiser, CompiledUNet):
        for sample, timesteps, conditioning in compile_for:
            with networks.denoiser.compiling():
                networks.denoise(sample, timesteps, conditioning.to(dtype))

    def call(sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        return networks.denoise(sample, timesteps, conditioning.to(dtype))

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


def _measure(ways: Mapping[str, Call], inputs: Inputs, rounds: int) -> dict[str, list[float]]:
    for call in ways.values():
        for _ in range(2):
            _seconds(call, inputs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            seconds[name].append(_seconds(call, inputs))
    return seconds


def _seconds(call: Call, inputs: Inputs) -> float:
    start_s = time.perf_counter()
    call(*inputs)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    app()
