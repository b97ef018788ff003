"""Puts the trained parts together as an ordinary Stable Diffusion folder, with a card that says how it was made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from pipelines.training import world
from pipelines.training.diffusion import NOISE_SCHEDULE

SERVED: Final = {
    "sizes": [list(size) for size in world.SIZES],
    "default_steps": 20,
    "default_guidance_scale": 4.0,
    "default_sampler": "dpm++_2m",
}
"""What `darkroom.json` says: the defaults that the model is served, and was evaluated, with."""


def publish(
    folder: Path,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderKL,
) -> None:
    """Write the folder. The UNet and the autoencoder are stored in half precision, and load as float32."""
    scheduler = DDIMScheduler(
        **NOISE_SCHEDULE,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
        rescale_betas_zero_snr=False,
    )
    scheduler.register_to_config(skip_prk_steps=True)
    pipeline = StableDiffusionPipeline(
        vae=autoencoder.to(torch.float16),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet.to(torch.float16),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        image_encoder=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "darkroom.json").write_text(json.dumps(SERVED, indent=2) + "\n")


def table(scores: Mapping[str, Mapping[str, float]], psnr_db: float) -> str:
    """Scores by size and category as a Markdown table; the overall score is the categories' mean."""
    sizes = list(scores)
    categories = list(next(iter(scores.values())))
    rows = [["category", *sizes], ["---", *("---:" for _ in sizes)]]
    rows += [[name, *(f"{scores[size][name]:.3f}" for size in sizes)] for name in categories]
    rows.append(["**overall**", *(f"**{sum(scores[size].values()) / len(categories):.3f}**" for size in sizes)])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{lines}\n\nAutoencoder on unseen scenes: {psnr_db:.1f} dB.\n"
