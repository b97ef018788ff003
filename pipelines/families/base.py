"""The interface that a model family offers to the loader of model folders. Knows no family and opens no file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from pipelines.interface import Pipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from pipelines.runtime.modes import RunMode

AssembledT = TypeVar("AssembledT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTraits:
    """Facts about a model and the images that it makes, from its own configuration."""

    trained_side: int
    """Side in pixels of the square image that the model was configured for."""
    side_multiple: int
    """Pixels per latent, in width and in height. Widths and heights must be multiples of it."""
    prompt_tokens: int
    """Longest prompt that the model reads whole, start and end tokens included."""
    latent_channels: int
    reads_kept: bool = False
    """Whether the UNet reads, beside the latents, a mask and the latents of what it keeps of an image."""
    reads_image: bool = False
    """Whether the UNet reads, beside the latents, those of the image that it edits."""
    text_features: int
    """Numbers in the conditioning of one token."""
    latent_space: str = ""
    """Digest of how latents are scaled, noised and spaced in time."""
    scheduler_config: Mapping[str, Any]
    """Configuration of the folder's own scheduler, with all defaults filled in."""
    zeros_without_negative: bool = False
    """Whether an image without a negative prompt is guided away from zeros, instead of from the empty text."""
    guidance_scale: float = 7.5
    """The usual guidance scale of the family: the default of its pipeline in diffusers."""
    embeds_guidance: bool = False
    """Whether guidance is an input of the UNet, and an image takes one row whatever its guidance scale."""
    added_inputs: Mapping[str, int] = field(default_factory=dict)
    """Inputs of the UNet besides latents, timestep and text, and how many numbers each has in a row."""


class Family(Protocol[AssembledT]):
    """A model architecture: how its folder is checked and loaded, and which pipeline runs it.

    A family holds no state. `AssembledT` is the family's own type for the components of one loaded model.
    """

    @property
    def components(self) -> Mapping[str, Mapping[str, Any]]:
        """For each component of the folder: the class names that are accepted, and the class that loads each.

        A folder must have all components. A class is anything with diffusers' or transformers' `from_pretrained`.
        """

    def traits(self, folder: Path, configs: Mapping[str, Mapping[str, Any]]) -> ModelTraits:
        """Check the model's configuration, and return what follows from it. No weights are read for it.

        `configs` has the content of the configuration's file of each of `components`, empty where there is no file, and
        as `model_index` the index's fields about the whole model. `folder` is for error messages. Raises
        `ModelLoadError` for a model that is not supported.
        """

    def assemble(
        self, loaded: Mapping[str, Any], traits: ModelTraits, device: torch.device, mode: RunMode
    ) -> AssembledT:
        """Move the loaded components to the device.

        `loaded` has one object for each of `components` but the scheduler. Raises `ModelLoadError` for a mode that is
        not supported.
        """

    def make_pipeline(
        self,
        info: ModelInfo,
        assembled: AssembledT,
        *,
        preview: Sequence[Sequence[float]] | None,
        mode: RunMode,
        report: Report,
    ) -> Pipeline[Any, Any, Any]:
        """Prepare the networks to run in that mode, and make the pipeline.

        `preview` is the model's own map from latent channels to RGB (`pipelines.families.previews`), if it has one.
        `report` is called before each long call. Raises `ModelLoadError` where this machine cannot run the mode.
        """
