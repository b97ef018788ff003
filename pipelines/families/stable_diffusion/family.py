"""Stable Diffusion 1.x and 2.x for the loader: the folder's components, the checks of its UNet, its pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipelines.families.base import ModelTraits
from pipelines.families.latent_diffusion import model_parts
from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.families.registry import FAMILIES
from pipelines.families.stable_diffusion.conditioner import ClipConditioner
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from pipelines.runtime.modes import RunMode

_LATENT_SIDE: Final = 64
"""Side of the latents where a configuration does not name it."""
_SAME_MODEL: Final = (
    "LatentConsistencyModelImg2ImgPipeline",
    "LatentConsistencyModelPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInpaintPipelineLegacy",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionPAGImg2ImgPipeline",
    "StableDiffusionPAGInpaintPipeline",
    "StableDiffusionPAGPipeline",
)
"""Pipelines of diffusers that run the same components in another way."""


@FAMILIES.register("StableDiffusionPipeline", *_SAME_MODEL)
class StableDiffusion:
    """Implements `families.base.Family[Components]`."""

    @property
    def components(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "tokenizer": {"CLIPTokenizer": CLIPTokenizer, "CLIPTokenizerFast": CLIPTokenizer},
            "text_encoder": {"CLIPTextModel": CLIPTextModel},
            **model_parts.COMPONENTS,
        }

    def traits(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> ModelTraits:
        parts = model_parts.read(folder, configs)
        text_encoder = CLIPTextConfig(**configs["text_encoder"])
        return ModelTraits(
            trained_side=parts.trained_side(_LATENT_SIDE),
            side_multiple=parts.scale,
            prompt_tokens=min(
                configs["tokenizer"].get("model_max_length", math.inf), text_encoder.max_position_embeddings
            ),
            latent_channels=parts.unet["out_channels"],
            latent_space=parts.latent_space,
            reads_kept=parts.reads_kept,
            reads_image=parts.reads_image,
            text_features=parts.unet["cross_attention_dim"],
            scheduler_config=parts.scheduler,
            embeds_guidance=parts.embeds_guidance,
            added_inputs=parts.guidance_input,
        )

    def assemble(
        self, loaded: Mapping[str, Any], traits: ModelTraits, device: torch.device, mode: RunMode
    ) -> Components:
        return model_parts.assemble(
            loaded,
            traits,
            device,
            mode,
            text_encoder=loaded["text_encoder"],
            conditioner=ClipConditioner(loaded["tokenizer"], traits.prompt_tokens),
        )

    def make_pipeline(
        self,
        info: ModelInfo,
        assembled: Components,
        *,
        preview: Sequence[Sequence[float]] | None,
        mode: RunMode,
        report: Report,
    ) -> LatentDiffusion:
        return model_parts.make_pipeline(info, assembled, preview=preview, mode=mode, report=report)
