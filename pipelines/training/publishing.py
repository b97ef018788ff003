"""Writes the trained parts as a Stable Diffusion folder, and its model card."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

from pipelines.training.provenance import TrainingRun
from pipelines.training.scenes import domain
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import random_scene
from pipelines.training.stages.autoencoder import to_tensor
from pipelines.training.stages.diffusion import NOISE_SCHEDULE

SERVING_DEFAULTS: Final[dict[str, Any]] = {
    "sizes": [list(size) for size in domain.SIZES],
    "default_steps": 20,
    "default_guidance_scale": 2.5,
    "default_sampler": "dpm++_2m_sde",
}
"""The contents of `darkroom.json`, except for the preview map: defaults for serving and evaluating the model."""

_PREVIEW_SCENES: Final = 64
_PREVIEW_SEED: Final = 5


def write_model_folder(
    folder: Path,
    tokenizer: CLIPTokenizer,
    text_encoder: CLIPTextModel,
    unet: UNet2DConditionModel,
    autoencoder: AutoencoderKL,
) -> None:
    """Writes the folder. The UNet and the autoencoder are stored in half precision, and load as float32."""
    scheduler = DDIMScheduler(
        **NOISE_SCHEDULE,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="linspace",
        rescale_betas_zero_snr=False,
    )
    scheduler.register_to_config(skip_prk_steps=True)
    settings = SERVING_DEFAULTS | {"preview": preview_map(autoencoder)}
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
    for config in folder.glob("*/config.json"):
        _remove_origin(config)
    (folder / "darkroom.json").write_text(json.dumps(settings) + "\n")


def _remove_origin(config: Path) -> None:
    """Removes the path that the part was loaded from: it is private to this machine."""
    fields = json.loads(config.read_text())
    fields.pop("_name_or_path", None)
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def preview_map(autoencoder: AutoencoderKL) -> list[list[float]]:
    """Returns the linear map from a latent to red, green and blue in 0 to 1, fitted by least squares on scenes.

    It has one row of three values for each latent channel, and a last row for the bias.
    """
    rng = random.Random(_PREVIEW_SEED)
    pixels = to_tensor(np.stack([draw(random_scene(rng, *domain.SIZES[0])) for _ in range(_PREVIEW_SCENES)]))
    with torch.inference_mode():
        latents = autoencoder.encode(pixels).latent_dist.mode()
    colors = nn.functional.interpolate(pixels * 0.5 + 0.5, latents.shape[2:], mode="area")
    inputs = latents.permute(0, 2, 3, 1).flatten(0, 2)
    targets = colors.permute(0, 2, 3, 1).flatten(0, 2)
    with_bias = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    rows: list[list[float]] = torch.linalg.lstsq(with_bias, targets).solution.tolist()
    return [[round(value, 5) for value in row] for row in rows]


def model_card(runs: Sequence[TrainingRun], evaluation: Mapping[str, Any]) -> str:
    """Returns the model card's text. `evaluation` is what `python -m pipelines.training evaluate --output` writes."""
    stages = "\n".join(
        f"| {run.stage}{', continued' if run.continues else ''} | {run.steps:,} | {run.batch_size} "
        f"| {run.learning_rate:g} | {run.seed} | {run.seconds / 60:.0f} |"
        for run in runs
    )
    return _CARD.format(
        table=score_table(evaluation["scores"], evaluation["reconstruction"], evaluation["psnr_db"]),
        prompts=evaluation["prompts"],
        error=0.5 / evaluation["prompts"] ** 0.5,
        overall_error=0.5 / (evaluation["prompts"] * len(next(iter(evaluation["scores"].values())))) ** 0.5,
        stages=stages,
        steps=SERVING_DEFAULTS["default_steps"],
        guidance=SERVING_DEFAULTS["default_guidance_scale"],
        sampler=SERVING_DEFAULTS["default_sampler"],
    )


_CARD: Final = """\
---
license: apache-2.0
pipeline_tag: text-to-image
---

# The bundled model

A small Stable Diffusion (CLIP text model, UNet, AutoencoderKL; 8 million parameters) that draws flat scenes from plain
English: one to four colored shapes, their size, count and relation, and a background. Its sizes are 128x128, 160x96 and
96x160. It was trained from scratch on images that this project draws itself, and can draw nothing else.

## Scores

A score is the share of images that show everything their prompt names and nothing else, as a program grades them, over
{prompts} prompts per category with fixed seeds, {sampler}, {steps} steps and guidance {guidance:g}.
No training image contains a held-out pair of color and shape.
The last line measures the autoencoder alone: drawn scenes are encoded, decoded and graded.

{table}
The standard error of a score is at most {error:.3f}, that of an overall score about {overall_error:.3f}.

## Training

| stage | steps | batch | learning rate | seed | minutes |
|---|---:|---:|---:|---:|---:|
{stages}

The minutes were measured on two CPU cores that also did other work. docs/training.md describes the stages and how to
reproduce the model.

```
python -m pipelines.training evaluate --model pipelines/bundled --prompts {prompts}
```
"""


def score_table(scores: Mapping[str, Mapping[str, float]], reconstruction: Mapping[str, float], psnr_db: float) -> str:
    """Returns the scores by size and category as a Markdown table; the overall score is the mean of the categories.

    `reconstruction` is the result of `evaluation.scores.reconstruction_score` by size.
    """
    sizes = list(scores)
    categories = list(next(iter(scores.values())))
    rows = [["category", *sizes], ["---", *("---:" for _ in sizes)]]
    rows += [[name, *(f"{scores[size][name]:.3f}" for size in sizes)] for name in categories]
    rows.append(["**overall**", *(f"**{sum(scores[size].values()) / len(categories):.3f}**" for size in sizes)])
    rows.append(["drawn scenes, encoded and decoded", *(f"{reconstruction[size]:.3f}" for size in sizes)])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{lines}\n\nAutoencoder on unseen scenes: {psnr_db:.1f} dB.\n"
