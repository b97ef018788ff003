"""The parts that all models with a UNet have, for their families: networks, scheduler, pipeline. Knows no text side."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from pipelines.errors import ModelLoadError
from pipelines.families import previews
from pipelines.families.base import ModelTraits
from pipelines.families.defaults import filled_in, latent_side
from pipelines.families.latent_diffusion.conditioning import Conditioner
from pipelines.families.latent_diffusion.guidance_embedding import TIMESTEP_COND, GuidanceEmbedding
from pipelines.families.latent_diffusion.pipeline import Components, LatentDiffusion
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from pipelines.runtime import modes
from pipelines.runtime.modes import RunMode
from pipelines.sampling.diffusers_schedulers import noise_fields
from pipelines.sampling.samplers import SCHEDULERS

_PREDICTION_TYPES: Final = ("epsilon", "v_prediction")
_OTHER_CONDITIONS: Final = ("class_embed_type", "encoder_hid_dim_type")
"""Fields of a UNet's configuration that ask for inputs which no family gives it."""

_LATENT_SCALING: Final = ("latent_channels", "scaling_factor", "shift_factor", "latents_mean", "latents_std")
"""Fields of an autoencoder's configuration that bring its latents to the UNet's scale."""

COMPONENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "unet": {"UNet2DConditionModel": UNet2DConditionModel},
    "vae": {"AutoencoderKL": AutoencoderKL},
    "scheduler": {name: getattr(diffusers, name) for name in SCHEDULERS},
}
"""The components of `Family.components` that are not of the text side."""


@dataclass(frozen=True, slots=True)
class Configs:
    """The configurations of a model's networks and scheduler, with all defaults filled in."""

    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    scheduler: Mapping[str, Any]

    def trained_side(self, default: int) -> int:
        """Return the side in pixels of the square that the model was configured for.

        `default` is the side of the latents where the configuration names none.
        """
        return self.scale * latent_side(self.unet["sample_size"], default)

    @property
    def scale(self) -> int:
        """Pixels per latent, in width and in height."""
        return int(2 ** (len(self.vae["block_out_channels"]) - 1))

    @property
    def latent_space(self) -> str:
        """Digest of how latents are scaled, noised and spaced in time."""
        scaling = {name: self.vae.get(name) for name in _LATENT_SCALING}
        facts = json.dumps([scaling, noise_fields(self.scheduler)], sort_keys=True, default=str)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @property
    def reads_kept(self) -> bool:
        """Whether the UNet reads a mask, and what it keeps of an image, beside the latents."""
        return bool(self.unet["in_channels"] == 2 * self.unet["out_channels"] + 1)

    @property
    def reads_image(self) -> bool:
        """Whether the UNet reads the image that it edits beside the latents."""
        return bool(self.unet["in_channels"] == 2 * self.unet["out_channels"])

    @property
    def embeds_guidance(self) -> bool:
        """Whether the UNet takes the guidance scale as an input."""
        return bool(self.unet["time_cond_proj_dim"])

    @property
    def guidance_input(self) -> dict[str, int]:
        """The UNet's input for the guidance scale, as in `ModelTraits.added_inputs`."""
        return {TIMESTEP_COND: self.unet["time_cond_proj_dim"]} if self.embeds_guidance else {}


def read(folder: Path, configs: Mapping[str, Mapping[str, Any]], *, addition: str | None = None) -> Configs:
    """Fill in the configurations of a model's parts and check that its UNet and its scheduler are supported.

    `addition` is the `addition_embed_type` that the family's UNets have. Raises `ModelLoadError`.
    """
    scheduler_class = configs["scheduler"]["_class_name"]
    scheduler = filled_in(getattr(diffusers, scheduler_class), configs["scheduler"])
    parts = Configs(
        unet=filled_in(UNet2DConditionModel, configs["unet"]),
        vae=filled_in(AutoencoderKL, configs["vae"]),
        scheduler={**scheduler, "_class_name": scheduler_class},
    )
    _check_unet(folder, parts, addition)
    _check_scheduler(folder, parts.scheduler)
    return parts


def traits(parts: Configs, *, default_latent_side: int, prompt_tokens: int) -> ModelTraits:
    """Return the facts about a model that follow from its UNet, autoencoder and scheduler in every family.

    `default_latent_side` is the side of the latents where the UNet's configuration names none.
    """
    return ModelTraits(
        trained_side=parts.trained_side(default_latent_side),
        side_multiple=parts.scale,
        prompt_tokens=prompt_tokens,
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
    loaded: Mapping[str, Any],
    traits: ModelTraits,
    device: torch.device,
    mode: RunMode,
    *,
    text_encoder: Any,
    conditioner: Conditioner,
) -> Components:
    """Move the networks to the device, as `Family.assemble` does. `text_encoder` and `conditioner` are the family's."""
    guidance_width = traits.added_inputs.get(TIMESTEP_COND)
    return Components(
        conditioner=GuidanceEmbedding(conditioner, guidance_width) if guidance_width else conditioner,
        networks=modes.build_networks(
            mode,
            text_encoder=text_encoder.to(device).eval(),
            unet=loaded["unet"].to(device, memory_format=torch.channels_last).eval(),
            vae=loaded["vae"].to(device, memory_format=torch.channels_last).eval(),
            added_inputs=traits.added_inputs,
        ),
        scheduler_config=traits.scheduler_config,
    )


def make_pipeline(
    info: ModelInfo,
    assembled: Components,
    *,
    preview: Sequence[Sequence[float]] | None,
    mode: RunMode,
    report: Report,
) -> LatentDiffusion:
    """Prepare the networks and make the pipeline, as `Family.make_pipeline` does."""
    networks = assembled.networks
    modes.prepare_networks(mode, networks, info, report)
    linear_preview = previews.published(networks.vae.config) if preview is None else previews.from_rows(preview)
    return LatentDiffusion(info, assembled, linear_preview, exact=mode.exact)


def _check_unet(folder: Path, parts: Configs, addition: str | None) -> None:
    unet, latents = parts.unet, parts.vae["latent_channels"]
    if unet["out_channels"] != latents or unet["in_channels"] not in (latents, 2 * latents, 2 * latents + 1):
        raise ModelLoadError(
            f"{folder} is not supported: unet/config.json has {unet['in_channels']} input channels and "
            f"{unet['out_channels']} output channels, and vae/config.json {latents} latent channels."
        )
    if unet["addition_embed_type"] != addition or any(unet[field] for field in _OTHER_CONDITIONS):
        raise ModelLoadError(
            f"{folder}/unet/config.json asks for other conditions than a model of its pipeline class has."
        )


def _check_scheduler(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse what the samplers cannot do: they know the training's discrete timesteps, and outputs of noise or v."""
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in _PREDICTION_TYPES:
        known = " and ".join(_PREDICTION_TYPES)
        raise _unsupported(folder, "prediction_type", f"{prediction} is not supported; {known} are")
    if config.get("timestep_type", "discrete") != "discrete":
        raise _unsupported(folder, "timestep_type", "only discrete timesteps are supported, not continuous ones")
    if config.get("use_flow_sigmas"):
        raise _unsupported(folder, "use_flow_sigmas", "flow matching is not supported")


def _unsupported(folder: Path, field: str, reason: str) -> ModelLoadError:
    return ModelLoadError(f"{folder}/scheduler/scheduler_config.json, {field}: {reason}.")
