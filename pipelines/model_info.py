"""Describes a model: its sizes, defaults and limits, and what it takes. Values only; torch-free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from pipelines.prompts.lengths import MAX_PROMPT_CHUNKS

InputKind: TypeAlias = Literal["image", "mask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerLimits:
    """The noise schedules and numbers of steps that a sampler can have with a model.

    `pipelines.sampling.model_limits` finds them, and `pipelines.sampling.choice` refuses the others.
    """

    name: str
    """A public name of `pipelines.sampling.samplers`."""
    schedules: tuple[str, ...] = ()
    """The noise schedules that it can have, besides the model's own spacing."""
    max_steps: int | None = None
    """None is the limit of the model."""
    impossible_steps: tuple[int, ...] = ()
    """Numbers of steps, up to `max_steps`, into which the model's own spacing does not divide its timesteps. A named
    schedule divides them into any number."""
    refusal: str = ""
    """A sentence that says why the model cannot have this sampler at all. Empty where it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a model's parameters. Dialects refuse requests beyond them, or bring them to the nearest one.

    Sides are in pixels.
    """

    side_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_steps: int
    max_guidance_scale: float
    max_prompt_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Describes a model."""

    name: str
    aliases: tuple[str, ...] = ()
    """Other names by which requests may ask for it."""
    sizes: tuple[tuple[int, int], ...]
    """Sizes that the model was trained for, width by height. The first is its default."""
    default_steps: int
    default_guidance_scale: float
    default_sampler: str
    prompt_tokens: int
    """Longest prompt that the model reads whole, start and end tokens included."""
    device: str
    dtype: str
    limits: Limits
    latent_scale: int = 8
    """Pixels per latent, in width and in height."""
    latent_channels: int = 4
    text_features: int = 768
    """Numbers in the conditioning of one token."""
    decodes_beside: bool = False
    """Whether a decode runs beside other calls, on a stream of its own."""
    row_sizes: tuple[int, ...] = ()
    """Numbers of rows to which UNet calls are padded, in ascending order. Empty where there is no padding."""
    default_guidance_rescale: float = 0.0
    """Share from 0 to 1 by which guided predictions are rescaled unless an image asks for another."""
    pads_long_prompts: bool = False
    """Whether long prompts are padded to one length and share calls with each other alone. Otherwise a call pads its
    rows to its longest one."""
    samplers: tuple[SamplerLimits, ...] = ()
    """The limits of each sampler with this model. Empty where it can use all of them without limits."""

    input_kinds: tuple[InputKind, ...] = ()
    """The kinds of uploads that an image may start from."""
    reads_kept: bool = False
    """Whether the UNet reads the mask and the image without what is repainted. It then makes no image without them."""
    reads_image: bool = False
    """Whether the UNet reads the whole image that an edit starts from. It then makes no image without one, and starts
    from noise alone."""
    zeros_without_negative: bool = False
    """Whether an image without a negative prompt is guided away from zeros, instead of from the empty text."""
    embeds_guidance: bool = False
    """Whether guidance is an input of the UNet, and an image takes one row whatever its guidance scale."""
    latent_space: str = ""
    """Digest of how latents are scaled, noised and spaced in time. Models with an equal one can go on with each other's
    images."""
    added_features: int = 0
    """Numbers in the conditioning of a row besides those of its tokens."""
    fingerprint: str = ""
    """Digest of the model's configurations and of samples of its files. Costs measured with an equal one hold, and an
    image that was begun with an equal one may be resumed."""

    @property
    def required_inputs(self) -> tuple[InputKind, ...]:
        """The kinds of uploads without which the model makes no image."""
        if self.reads_kept:
            return ("image", "mask")
        return ("image",) if self.reads_image else ()

    @property
    def long_prompt_tokens(self) -> int:
        """Longest prompt that the model reads in chunks, start and end of each included."""
        return MAX_PROMPT_CHUNKS * self.prompt_tokens

    def padded_rows(self, rows: int) -> int:
        """Return how many rows of padding a call with `rows` rows gets."""
        return next((size - rows for size in self.row_sizes if size >= rows), 0)
