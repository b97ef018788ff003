"""Stable Diffusion 1.x and 2.x for the loader: the folder's components, the checks of its UNet, its pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from pipelines.families.base import ModelTraits
from pipelines.families.latent_diffusion import model_parts
from pipelines.families.latent_diffusion.pipeline import Components
from pipelines.families.registry import FAMILIES
from pipelines.families.stable_diffusion.conditioner import ClipConditioner
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
        tokens = min(configs["tokenizer"].get("model_max_length", math.inf), text_encoder.max_position_embeddings)
        return model_parts.traits(parts, default_latent_side=_LATENT_SIDE, prompt_tokens=tokens)

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

    make_pipeline = staticmethod(model_parts.make_pipeline)
