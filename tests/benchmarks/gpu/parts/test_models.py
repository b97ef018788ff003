"""The networks that are measured, and their inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from benchmarks.gpu.parts import models
from benchmarks.gpu.plan import Settings

SETTINGS = Settings(device="cpu", tiny=True, work="", output="", limit_s=0.0)


def test_a_network_is_built_in_the_dtype_and_layout_in_which_it_is_served() -> None:
    unet = models.unet(models.TINY_XL, "cpu", torch.bfloat16)

    assert unet.dtype is torch.bfloat16
    assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.get_default_dtype() is torch.float32


def test_a_unet_with_a_pooled_text_gets_one_for_each_row() -> None:
    arguments = models.inputs(models.TINY_XL, 3, "cpu", torch.float32)

    with torch.inference_mode():
        (output,) = models.unet(models.TINY_XL, "cpu", torch.float32)(**arguments)
    assert output.shape == arguments["sample"].shape
    assert arguments["added_cond_kwargs"]["time_ids"].shape == (3, 6)
    assert "added_cond_kwargs" not in models.inputs(models.TINY_SD, 1, "cpu", torch.float32)


def test_latents_decode_to_images_of_the_models_side() -> None:
    latents = models.latents(models.TINY_SD, 2, "cpu", torch.float32)

    with torch.inference_mode():
        images = models.vae(models.TINY_SD, "cpu", torch.float32).decode(latents).sample
    assert images.shape == (2, 3, models.TINY_SD.side, models.TINY_SD.side)


def test_the_folder_is_written_once(tmp_path: Path) -> None:
    settings = dataclasses.replace(SETTINGS, work=str(tmp_path))

    folder = models.folder(settings)
    written = (folder / "unet" / "config.json").stat().st_mtime_ns

    assert models.folder(settings) == folder
    assert (folder / "unet" / "config.json").stat().st_mtime_ns == written


def test_a_gpu_measures_the_real_models_in_half_precision() -> None:
    real = dataclasses.replace(SETTINGS, device="cuda", tiny=False)

    assert (models.sd15(real), models.sdxl(real)) == (models.SD15, models.SDXL)
    assert (models.sd15(SETTINGS), models.sdxl(SETTINGS)) == (models.TINY_SD, models.TINY_XL)
    assert (models.dtype(real), models.dtype(SETTINGS)) == (torch.float16, torch.float32)
