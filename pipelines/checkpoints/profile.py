"""Describes how a model is served: sizes, defaults and limits, from `darkroom.json` or its configuration. Torch-free.

`darkroom.json` is optional, and so is each of its fields. `Profile` is its schema. Defaults that it leaves out follow
from the model's own scheduler (`serving_defaults`).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from pipelines.checkpoints.serving_defaults import ServingDefaults
from pipelines.errors import InvalidParamsError, ModelLoadError
from pipelines.integrity.file_access import ANY_FILES, FileAccess
from pipelines.model_info import Limits, ModelInfo
from pipelines.sampling import samplers

FILE_NAME: Final = "darkroom.json"

MAX_STEPS: Final = 150
MAX_GUIDANCE_SCALE: Final = 30.0
MAX_PROMPT_CHARS: Final = 4000

_Side = Annotated[int, Meta(ge=8, le=4096)]
_Alias = Annotated[str, Meta(min_length=1, max_length=200)]


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The schema of `darkroom.json`."""

    sizes: Annotated[list[tuple[_Side, _Side]], Meta(min_length=1)] | None = None
    """Width and height in pixels. The first is the default. None is the square that the model was configured for."""
    default_steps: Annotated[int, Meta(ge=1, le=MAX_STEPS)] | None = None
    default_guidance_scale: Annotated[float, Meta(ge=0, le=MAX_GUIDANCE_SCALE)] | None = None
    default_guidance_rescale: Annotated[float, Meta(ge=0, le=1)] = 0.0
    default_sampler: str | None = None
    aliases: list[_Alias] = []
    """Other names by which requests may ask for the model."""
    preview: list[tuple[float, float, float]] | None = None
    """Map from latent channels to a color in 0 to 1: red, green and blue for each channel, and last the bias."""


ProfileT = TypeVar("ProfileT", bound=Profile)


PROFILES: Final = msgspec.json.Decoder(Profile)


def read(folder: Path, files: FileAccess = ANY_FILES) -> Profile:
    """Read the profile in the folder, or return all defaults if it has none. Raises `ModelLoadError`."""
    return read_file(folder / FILE_NAME, PROFILES, files)


def read_file(path: Path, decoder: msgspec.json.Decoder[ProfileT], files: FileAccess = ANY_FILES) -> ProfileT:
    """Read a profile, which may have more fields, or return all defaults if there is none. Raises `ModelLoadError`."""
    if not path.exists():
        return decoder.decode(b"{}")
    try:
        profile = decoder.decode(files.read(path))
        choice = None if profile.default_sampler is None else samplers.find(profile.default_sampler)
    except (OSError, msgspec.DecodeError, InvalidParamsError) as error:
        raise ModelLoadError(f"{path} cannot be used: {error}") from error
    if choice is None:
        return profile
    if choice.schedule is not None:
        raise ModelLoadError(f"{path} cannot be used: default_sampler must not name a schedule.")
    return msgspec.structs.replace(profile, default_sampler=choice.sampler.name)


def describe(
    profile: Profile,
    defaults: ServingDefaults,
    *,
    name: str,
    trained_side: int,
    side_multiple: int,
    prompt_tokens: int,
    device: str,
    dtype: str,
) -> ModelInfo:
    """Describe the loaded model. Sides are limited to half the shortest and double the longest side of its sizes.

    `defaults` fills in what the profile leaves out. Raises `ModelLoadError` for a size that the model cannot make.
    """
    sizes = tuple(profile.sizes or [(trained_side, trained_side)])
    if any(side % side_multiple for size in sizes for side in size):
        raise ModelLoadError(f"{FILE_NAME} cannot be used: this model's sides must be multiples of {side_multiple}.")
    shortest = min(min(size) for size in sizes)
    longest = max(max(size) for size in sizes)
    return ModelInfo(
        name=name,
        aliases=tuple(alias for alias in dict.fromkeys(profile.aliases) if alias != name),
        sizes=sizes,
        default_steps=defaults.steps if profile.default_steps is None else profile.default_steps,
        default_guidance_scale=(
            defaults.guidance_scale if profile.default_guidance_scale is None else profile.default_guidance_scale
        ),
        default_guidance_rescale=profile.default_guidance_rescale,
        default_sampler=profile.default_sampler or defaults.sampler,
        prompt_tokens=prompt_tokens,
        device=device,
        dtype=dtype,
        limits=Limits(
            side_multiple=side_multiple,
            min_side=math.ceil(shortest / 2 / side_multiple) * side_multiple,
            max_side=2 * longest,
            max_pixels=4 * max(width * height for width, height in sizes),
            max_steps=MAX_STEPS,
            max_guidance_scale=MAX_GUIDANCE_SCALE,
            max_prompt_chars=MAX_PROMPT_CHARS,
        ),
    )
