"""Puts the trained parts together as an ordinary Stable Diffusion folder, with a card that says how it was made."""

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

from pipelines.training.history import TrainingRun
from pipelines.training.scenes import world
from pipelines.training.scenes.drawing import draw
from pipelines.training.scenes.scene import random_scene
from pipelines.training.stages.autoencoder import to_tensor
from pipelines.training.stages.diffusion import NOISE_SCHEDULE

SERVED: Final[dict[str, Any]] = {
    "sizes": [list(size) for size in world.SIZES],
    "default_steps": 20,
    "default_guidance_scale": 2.5,
    "default_sampler": "dpm++_2m_sde",
}
"""What `darkroom.json` says beside the preview: the defaults that the model is served, and was evaluated, with."""

_PREVIEW_SCENES: Final = 64
_PREVIEW_SEED: Final = 5


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
        timestep_spacing="linspace",
        rescale_betas_zero_snr=False,
    )
    scheduler.register_to_config(skip_prk_steps=True)
    served = SERVED | {"preview": preview_map(autoencoder)}
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
        _forget_origin(config)
    (folder / "darkroom.json").write_text(json.dumps(served) + "\n")


def _forget_origin(config: Path) -> None:
    """Where the part was loaded from is of this machine, and nobody else's business."""
    fields = json.loads(config.read_text())
    fields.pop("_name_or_path", None)
    config.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def preview_map(autoencoder: AutoencoderKL) -> list[list[float]]:
    """Red, green, blue in 0 to 1 for each latent channel, and last the bias: the least-squares map over scenes."""
    rng = random.Random(_PREVIEW_SEED)
    pixels = to_tensor(np.stack([draw(random_scene(rng, *world.SIZES[0])) for _ in range(_PREVIEW_SCENES)]))
    with torch.inference_mode():
        latents = autoencoder.encode(pixels).latent_dist.mode()
    colours = nn.functional.interpolate(pixels * 0.5 + 0.5, latents.shape[2:], mode="area")
    inputs = latents.permute(0, 2, 3, 1).flatten(0, 2)
    targets = colours.permute(0, 2, 3, 1).flatten(0, 2)
    with_bias = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    rows: list[list[float]] = torch.linalg.lstsq(with_bias, targets).solution.tolist()
    return [[round(value, 5) for value in row] for row in rows]


def card(runs: Sequence[TrainingRun], evaluation: Mapping[str, Any]) -> str:
    """The model card, from its training runs and an evaluation."""
    stages = "\n".join(
        f"| {run.stage}{', continued' if run.continues else ''} | {run.steps:,} | {run.batch_size} "
        f"| {run.learning_rate:g} | {run.seed} | {run.seconds / 60:.0f} |"
        for run in runs
    )
    return _CARD.format(
        table=table(evaluation["scores"], evaluation["survives"], evaluation["psnr_db"]),
        prompts=evaluation["prompts"],
        error=0.5 / evaluation["prompts"] ** 0.5,
        overall_error=0.5 / (evaluation["prompts"] * len(next(iter(evaluation["scores"].values())))) ** 0.5,
        stages=stages,
        steps=SERVED["default_steps"],
        guidance=SERVED["default_guidance_scale"],
        sampler=SERVED["default_sampler"],
    )


_CARD: Final = """\
---
license: apache-2.0
pipeline_tag: text-to-image
---

# The bundled model

A small Stable Diffusion (CLIP text model, UNet, AutoencoderKL; 8 million parameters) that draws flat scenes from plain
English: one to four coloured shapes, their size, count and relation, a background. Sizes 128x128, 160x96, 96x160. It
was trained from nothing on images that the project draws itself, and knows nothing else of the world.

## Scores

Share of images that show everything their prompt names and nothing else, as a program reads them back; {prompts}
prompts a category with fixed seeds, {sampler}, {steps} steps, guidance {guidance:g}. Held-out pairs of colour and shape
appear in no training image. The last line is of scenes that the project drew, when the autoencoder has coded and
decoded them: what it costs by itself.

{table}
The standard error of a score over {prompts} prompts is up to {error:.3f}, of the overall one about {overall_error:.3f}.

## Training

| stage | steps | batch | learning rate | seed | minutes |
|---|---:|---:|---:|---:|---:|
{stages}

Minutes are of two CPU cores shared with other work. To reproduce, and what each stage does: docs/training.md.

```
python -m pipelines.training evaluate --model pipelines/bundled --prompts {prompts}
```
"""


def table(scores: Mapping[str, Mapping[str, float]], survives: Mapping[str, float], psnr_db: float) -> str:
    """Scores by size and category as a Markdown table; the overall score is the categories' mean. `survives`, by size,
    is what `evaluation.survives` says."""
    sizes = list(scores)
    categories = list(next(iter(scores.values())))
    rows = [["category", *sizes], ["---", *("---:" for _ in sizes)]]
    rows += [[name, *(f"{scores[size][name]:.3f}" for size in sizes)] for name in categories]
    rows.append(["**overall**", *(f"**{sum(scores[size].values()) / len(categories):.3f}**" for size in sizes)])
    rows.append(["drawn scenes, coded and decoded", *(f"{survives[size]:.3f}" for size in sizes)])
    lines = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    return f"{lines}\n\nAutoencoder on unseen scenes: {psnr_db:.1f} dB.\n"
