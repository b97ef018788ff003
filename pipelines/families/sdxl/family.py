"""Stable Diffusion XL and its refiner for the loader: components, checks of the UNet, networks, pipelines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

import torch
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.latent_diffusion import model_parts
from pipelines.families.latent_diffusion.pipeline import Components
from pipelines.families.registry import FAMILIES
from pipelines.families.sdxl.conditioner import TEXT_EMBEDS, TIME_IDS, TextShape, XLConditioner
from pipelines.families.sdxl.text_encoders import TextEncoders
from pipelines.runtime.modes import RunMode

_TOKENIZERS: Final = {"CLIPTokenizer": CLIPTokenizer, "CLIPTokenizerFast": CLIPTokenizer}
_FIRST: Final[Mapping[str, Mapping[str, Any]]] = {
    "tokenizer": _TOKENIZERS,
    "text_encoder": {"CLIPTextModel": CLIPTextModel},
}
_SECOND: Final[Mapping[str, Mapping[str, Any]]] = {
    "tokenizer_2": _TOKENIZERS,
    "text_encoder_2": {"CLIPTextModelWithProjection": CLIPTextModelWithProjection},
}
_ADDITION: Final = "text_time"
_LATENT_SIDE: Final = 128
"""Side of the latents where a configuration does not name it."""
_GUIDANCE_SCALE: Final = 5.0
"""The default of diffusers' StableDiffusionXLPipeline and of its image-to-image pipeline."""
_INDEX: Final = "model_index"
_SAME_MODEL: Final = (
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusionXLInstructPix2PixPipeline",
    "StableDiffusionXLPAGImg2ImgPipeline",
    "StableDiffusionXLPAGInpaintPipeline",
    "StableDiffusionXLPAGPipeline",
)
"""Pipelines of diffusers that run the components of the base model in another way."""


class _XL:
    """Base class of the base model and of the refiner, which name their text encoders and their size conditioning."""

    text_components: ClassVar[Mapping[str, Mapping[str, Any]]]
    suffixes: ClassVar[Sequence[str]]
    """The ends of the names of the tokenizers and text encoders, in the order in which their features are joined."""
    takes_score: ClassVar[bool]
    """Whether the UNet takes an aesthetic score in place of the target size."""

    @property
    def components(self) -> Mapping[str, Mapping[str, Any]]:
        return {**self.text_components, **model_parts.COMPONENTS}

    def traits(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> ModelTraits:
        parts = model_parts.read(folder, configs, addition=_ADDITION)
        encoders = [CLIPTextConfig(**configs[f"text_encoder{suffix}"]) for suffix in self.suffixes]
        lengths = [configs[f"tokenizer{suffix}"].get("model_max_length", math.inf) for suffix in self.suffixes]
        added: dict[str, int] = {TEXT_EMBEDS: encoders[-1].projection_dim or 0, TIME_IDS: 5 if self.takes_score else 6}
        _check_fit(folder, parts.unet, sum(encoder.hidden_size for encoder in encoders), added)
        if configs.get(_INDEX, {}).get("is_cosxl_edit"):
            raise ModelLoadError(f"{folder} is a CosXL model, which is not supported: its model_index.json says so.")
        tokens = int(min(*lengths, *(encoder.max_position_embeddings for encoder in encoders)))
        return replace(
            model_parts.traits(parts, default_latent_side=_LATENT_SIDE, prompt_tokens=tokens),
            zeros_without_negative=bool(configs.get(_INDEX, {}).get("force_zeros_for_empty_prompt", True)),
            guidance_scale=_GUIDANCE_SCALE,
            added_inputs={**added, **parts.guidance_input},
        )

    def assemble(
        self, loaded: Mapping[str, Any], traits: ModelTraits, device: torch.device, mode: RunMode
    ) -> Components:
        shape = TextShape(
            tokens=traits.prompt_tokens, features=traits.text_features, pooled=traits.added_inputs[TEXT_EMBEDS]
        )
        tokenizers = [loaded[f"tokenizer{suffix}"] for suffix in self.suffixes]
        return model_parts.assemble(
            loaded,
            traits,
            device,
            mode,
            text_encoder=TextEncoders([loaded[f"text_encoder{suffix}"] for suffix in self.suffixes]),
            conditioner=XLConditioner(tokenizers, shape, takes_score=self.takes_score),
        )

    make_pipeline = staticmethod(model_parts.make_pipeline)


@FAMILIES.register("StableDiffusionXLPipeline", *_SAME_MODEL)
class StableDiffusionXL(_XL):
    """Implements `families.base.Family[Components]` for the base model and whatever was trained from it."""

    text_components: ClassVar = {**_FIRST, **_SECOND}
    suffixes = ("", "_2")
    takes_score = False


@FAMILIES.register("StableDiffusionXLImg2ImgPipeline")
class StableDiffusionXLRefiner(_XL):
    """Implements `families.base.Family[Components]` for the refiner, a model of its own."""

    text_components = _SECOND
    suffixes = ("_2",)
    takes_score = True


def _check_fit(folder: Path, unet: Mapping[str, Any], features: int, added: Mapping[str, int]) -> None:
    """Refuse a UNet that was made for other text encoders, or for other numbers about the size."""
    width = added[TEXT_EMBEDS] + added[TIME_IDS] * (unet["addition_time_embed_dim"] or 0)
    if (unet["cross_attention_dim"], unet["projection_class_embeddings_input_dim"]) != (features, width):
        raise ModelLoadError(f"{folder} has a UNet that does not fit its text encoders.")
