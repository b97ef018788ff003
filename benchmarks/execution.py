"""What each way of running the UNet is worth: how long a call takes against the way it is served, in one run.

    python -m benchmarks.execution [--model FOLDER] [--rounds 9] [--compile]

Every round times every way once, one after the other; a figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import torch
import typer
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from rich.console import Console
from rich.table import Table
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

from pipelines import execution
from pipelines.compiling import CompiledUNet
from pipelines.execution import Execution
from pipelines.loading import bundled_model_path

ROWS: Final = (2, 8, 16)
SERVED: Final = "as served"
BUNDLED: Final = bundled_model_path()

Call: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Sample [rows, C, h, w], timesteps [rows], conditioning [rows, tokens, features] to the UNet's output."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    model: Annotated[Path, typer.Option(help="A Stable Diffusion folder.")] = BUNDLED,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 9,
    compile_too: Annotated[bool, typer.Option("--compile", help="Compile too, which takes minutes.")] = False,
) -> None:
    """Measure, and print a table."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    ways = _ways(model, device, compile_too=compile_too)
    table = Table("way", *(f"{rows} rows" for rows in ROWS))
    seconds = {rows: _measure(ways, _inputs(model, rows, device), rounds) for rows in ROWS}
    served = ", ".join(f"{statistics.median(seconds[rows][SERVED]) * 1000:.1f} ms" for rows in ROWS)
    for name in ways:
        table.add_row(name, *(f"{_ratio(seconds[rows], name):.2f}x" for rows in ROWS))
    console = Console()
    console.print(table)
    console.print(f"{SERVED}: {served} a call; {device}, {torch.get_num_threads()} threads, torch {torch.__version__}")


def _ratio(seconds: Mapping[str, list[float]], name: str) -> float:
    return statistics.median(a / b for a, b in zip(seconds[name], seconds[SERVED], strict=True))


def _ways(model: Path, device: torch.device, *, compile_too: bool) -> dict[str, Call]:
    on_gpu = device.type == "cuda"
    served = torch.float16 if on_gpu else torch.float32
    ways = {
        SERVED: _networks(model, device, served, Execution()),
        "without channels_last": _bare(_unet(model, device, served, torch.contiguous_format)),
        "attention written out, not SDPA": _bare(_written_out(_unet(model, device, served))),
        "bfloat16": _networks(model, device, torch.bfloat16, Execution()),
        "exact mode": _networks(model, device, served, Execution(exact=True)),
    }
    if on_gpu:
        ways["float32"] = _networks(model, device, torch.float32, Execution())
    if compile_too:
        ways["compile"] = _networks(model, device, served, Execution(compile="default"))
        if on_gpu:
            ways["compile, CUDA graphs"] = _networks(model, device, served, Execution(compile="reduce-overhead"))
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


def _networks(model: Path, device: torch.device, dtype: torch.dtype, run_as: Execution) -> Call:
    """As the server runs it that way."""
    parts: tuple[tuple[Any, str], ...] = ((CLIPTextModel, "text_encoder"), (AutoencoderKL, "vae"))
    text_encoder, vae = (part.from_pretrained(model / folder, torch_dtype=dtype).to(device) for part, folder in parts)
    networks = execution.assemble(run_as, text_encoder=text_encoder, unet=_unet(model, device, dtype), vae=vae)
    if isinstance(networks.denoiser, CompiledUNet):
        for rows in ROWS:
            sample, timesteps, conditioning = _inputs(model, rows, device)
            with networks.denoiser.compiling():
                networks.denoise(sample, timesteps, conditioning.to(dtype))

    def call(sample: Tensor, timesteps: Tensor, conditioning: Tensor) -> Tensor:
        return networks.denoise(sample, timesteps, conditioning.to(dtype))

    return call


def _inputs(model: Path, rows: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    unet: dict[str, Any] = UNet2DConditionModel.load_config(model / "unet")
    tokens = CLIPTextConfig.from_pretrained(model / "text_encoder").max_position_embeddings
    side = unet["sample_size"]
    return (
        torch.randn(rows, unet["in_channels"], side, side, device=device),
        torch.full((rows,), 500.0, device=device),
        torch.randn(rows, tokens, unet["cross_attention_dim"], device=device),
    )


def _measure(ways: Mapping[str, Call], inputs: tuple[Tensor, Tensor, Tensor], rounds: int) -> dict[str, list[float]]:
    for call in ways.values():
        for _ in range(2):
            _seconds(call, inputs)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, call in ways.items():
            seconds[name].append(_seconds(call, inputs))
    return seconds


def _seconds(call: Call, inputs: tuple[Tensor, Tensor, Tensor]) -> float:
    start_s = time.perf_counter()
    call(*inputs)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start_s


if __name__ == "__main__":
    app()
