"""On the device, an image whose numbers overflow in half precision is made again as float32 makes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from pipelines.errors import NonFiniteError
from pipelines.interface import RgbImage
from pipelines.params import GenerationParams
from tests.harness.models import tiny_model
from tests.harness.models.denoising import finish, finish_joined, step
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(
    prompt="a red fox", negative_prompt="fog", width=64, height=64, steps=3, guidance_scale=5.0, seed=3, sampler="ddim"
)


def largest_difference(one: Sequence[RgbImage], other: Sequence[RgbImage]) -> int:
    return max(abs(a - b) for a, b in zip(one[0].pixels, other[0].pixels, strict=True))


def test_an_image_that_overflows_is_made_again_as_float32_makes_it(
    model_folder: Path, device: str, tmp_path: Path
) -> None:
    folder = tiny_model.overheat(model_folder, tmp_path / "hot")
    half, wide = (tiny_model.load(folder, device=device, dtype=dtype) for dtype in ("float16", "float32"))
    with pytest.raises(NonFiniteError):
        step(half, [begin(half, PARAMS)])

    again = half.begin_upcast(PARAMS)
    finish(half, [again])

    assert largest_difference(half.decode([again]), wide.decode(finish_joined(wide, [PARAMS]))) <= 1


def test_latents_that_overflow_the_decoder_are_decoded_with_a_wider_one(
    model_folder: Path, device: str, tmp_path: Path
) -> None:
    folder = tiny_model.copy(model_folder, tmp_path / "hot-decoder")
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["post_quant_conv.bias"] += 6e4
    weights["post_quant_conv.weight"] *= 6e4 / weights["post_quant_conv.weight"].abs().max()
    save_file({name: weight.half().float() for name, weight in weights.items()}, file, {"format": "pt"})
    half, wide = (tiny_model.load(folder, device=device, dtype=dtype) for dtype in ("float16", "float32"))
    done = finish_joined(half, [PARAMS])
    with pytest.raises(NonFiniteError):
        half.decode(done)

    again = half.start_decode(done, wide=True).finish()

    expected = finish_joined(wide, [PARAMS])
    expected[0].run.slots = done[0].latents.float()
    assert largest_difference(again, wide.decode(expected)) <= 1
