"""The parameters that decide one image. Torch-free; they are sent to the worker's process unchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

INTERNAL: Final = ("taken_over_at",)
"""Fields of `GenerationParams` that no request names."""


class PixelKey(NamedTuple):
    """The pixels of one upload at one size."""

    digest: str
    """SHA-256 of the upload, in hexadecimal."""
    width: int
    """Pixels."""
    height: int
    """Pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HiresFix:
    """A first pass at a smaller size, whose latents are enlarged and denoised further at the image's own size."""

    width: int
    """Pixels of the first pass."""
    height: int
    """Pixels of the first pass."""
    steps: int
    """Steps of the second pass, of which it makes the share `strength`."""
    strength: float
    """0 to 1: the share of the noise schedule that the second pass goes back."""
    upscaler: str
    """Name of the way in which the first pass is enlarged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refiner:
    """Another model, which makes the last steps of an image from the latents that the first model leaves."""

    model: str
    """Name of the model."""
    switch_at: float
    """Share of the steps, between 0 and 1, after which it takes over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """Everything that decides an image. Equal parameters make the same image on one build and device.

    The fields are not checked here. `model_info.Limits` holds the bounds of a model, and requests are checked against
    them where they enter.
    """

    model: str = ""
    """Name of the model that makes the image. Empty stands for the engine's default model."""
    prompt: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    steps: int
    """Denoising steps as users count them. A sampler may make more UNet calls than steps."""
    guidance_scale: float
    """Classifier-free guidance (Ho and Salimans, arXiv:2207.12598). 1 or less turns it off, and the image takes one row
    instead of two."""
    seed: int
    """0 to 2**63 - 1. Later images of a job have seeds of their own, counted up from the job's."""
    sampler: str
    """A public name of `pipelines.sampling.samplers`."""
    schedule: str | None = None
    """Spacing of the noise levels: karras, exponential or beta. None is the sampler's own."""
    negative_prompt: str | None = None
    """None means that there is none: some models then condition on zeros, while they would encode an empty one."""
    guidance_rescale: float = 0.0
    """Share, 0 to 1, by which guided predictions are brought back to the deviation of unguided ones (section 3.4 of
    arXiv:2305.08891)."""
    original_size: tuple[int, int] | None = None
    """Width and height in pixels that the image pretends to have had before it was resized (section 2.2 of
    arXiv:2307.01952). None is its own size. Only models with size conditioning use it."""
    crop: tuple[int, int] = (0, 0)
    """Pixels that it pretends to have been cropped by, on the left and at the top."""
    target_size: tuple[int, int] | None = None
    """Width and height in pixels that it pretends to have been resized to. None is its own size."""
    long_prompt: bool = False
    """Whether texts beyond the length of the text encoder are read in chunks, instead of being cut."""
    image: str | None = None
    """SHA-256, in hexadecimal, of the upload that the image starts from. None starts from noise alone."""
    mask: str | None = None
    """SHA-256, in hexadecimal, of the mask: white is repainted, and black stays."""
    keep_unmasked: bool = False
    """Whether the pixels that the mask keeps are put back into the finished image. They go through the autoencoder in
    any case, which changes them a little."""
    strength: float = 1.0
    """Share of the noise schedule, above 0 and up to 1, that is made where the image starts from another one."""
    image_guidance_scale: float = 1.0
    """Strength with which a guided edit keeps to the image that it starts from (section 3.2.1 of arXiv:2211.09800).
    1 turns this guidance off, and the edit takes two rows instead of three. Only models that edit by instructions use
    it."""
    hires: HiresFix | None = None
    """None makes the image in one pass at its own size."""
    refiner: Refiner | None = None
    """None leaves all steps to the image's model."""
    taken_over_at: int = 0
    """The step before which another model made the image. Set in `after_switch` alone."""

    @property
    def guided(self) -> bool:
        return self.guidance_scale > 1.0

    @property
    def switch_step(self) -> int:
        """The step before which the refiner takes over, or `steps` where there is none."""
        return self.steps if self.refiner is None else round(self.steps * self.refiner.switch_at)

    @property
    def after_switch(self) -> GenerationParams | None:
        """The parameters with which the refiner goes on with the image. None where there is no refiner."""
        if self.refiner is None:
            return None
        at = self.switch_step
        model = self.refiner.model
        return replace(self, model=model, taken_over_at=at, refiner=None, image=None, mask=None, strength=1.0)

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that make the image, in their order."""
        return (self.model,) if self.refiner is None else (self.model, self.refiner.model)

    @property
    def image_guided(self) -> bool:
        """Whether an edit takes a row without its image, too."""
        return self.guided and self.image_guidance_scale > 1.0

    @property
    def pixels(self) -> tuple[PixelKey, ...]:
        """The pixels of uploads that the image needs: those of `image`, then those of `mask`."""
        digests = (self.image, self.mask)
        return tuple(PixelKey(digest, self.width, self.height) for digest in digests if digest is not None)
