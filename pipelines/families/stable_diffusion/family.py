"""Stable Diffusion 1.x and 2.x for the loader: the folder's components, the checks of its UNet, its pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from pipelines import previews
from pipelines.errors import ModelLoadError
from pipelines.families.base import ModelTraits
from pipelines.families.registry import FAMILIES
from pipelines.families.stable_diffusion.pipeline import Components, LatentDiffusion
from pipelines.interface import ModelInfo
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode
from pipelines.sampling.samplers import SAMPLERS


@FAMILIES.register("StableDiffusionPipeline")
class StableDiffusion:
    """Implements `families.base.Family[Components]`."""

    @property
    def components(self) -> Mapping[str, Mapping[str, Any]]:
        return {
            "tokenizer": {"CLIPTokenizer": CLIPTokenizer, "CLIPTokenizerFast": CLIPTokenizer},
            "text_encoder": {"CLIPTextModel": CLIPTextModel},
            "unet": {"UNet2DConditionModel": UNet2DConditionModel},
            "vae": {"AutoencoderKL": AutoencoderKL},
            "scheduler": {each.scheduler: getattr(diffusers, each.scheduler) for each in SAMPLERS.values()},
        }

    def assemble(self, folder: Path, loaded: Mapping[str, Any], device: torch.device, mode: RunMode) -> Components:
        text_encoder, unet, vae = loaded["text_encoder"], loaded["unet"], loaded["vae"]
        _check_fit(folder, unet.config, vae.config)
        return Components(
            tokenizer=loaded["tokenizer"],
            networks=modes.build_networks(
                mode,
                text_encoder=text_encoder.to(device).eval(),
                unet=unet.to(device, memory_format=torch.channels_last).eval(),
                vae=vae.to(device, memory_format=torch.channels_last).eval(),
            ),
            scheduler_config=dict(loaded["scheduler"].config),
        )

    def describe(self, assembled: Components) -> ModelTraits:
        networks = assembled.networks
        return ModelTraits(
            trained_side=networks.scale * networks.unet.config.sample_size,
            side_multiple=networks.scale,
            prompt_tokens=min(
                assembled.tokenizer.model_max_length, networks.text_encoder.config.max_position_embeddings
            ),
            latent_channels=networks.unet.config.in_channels,
            text_features=networks.unet.config.cross_attention_dim,
        )

    def make_pipeline(
        self,
        info: ModelInfo,
        assembled: Components,
        *,
        preview: Sequence[Sequence[float]] | None,
        mode: RunMode,
        report: Callable[[], object],
    ) -> LatentDiffusion:
        networks = assembled.networks
        modes.prepare_networks(mode, networks, info, report)
        linear_preview = previews.published(networks.vae.config) if preview is None else previews.from_rows(preview)
        return LatentDiffusion(info, assembled, linear_preview, decode_on_own_stream=not mode.exact)


def _check_fit(folder: Path, unet: Any, vae: Any) -> None:
    """Refuse a UNet whose inputs are not exactly latents, a timestep and text."""
    if not unet.in_channels == unet.out_channels == vae.latent_channels:
        raise ModelLoadError(f"{folder} is not a text-to-image model: its UNet takes more than the latents.")
    if unet.time_cond_proj_dim or unet.addition_embed_type or unet.class_embed_type or unet.encoder_hid_dim_type:
        raise ModelLoadError(f"{folder} has a UNet that takes conditions besides text, which is not supported.")
    if not isinstance(unet.sample_size, int):
        raise ModelLoadError(f"{folder}/unet/config.json must give sample_size as one number.")
