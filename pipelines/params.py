"""The parameters that decide one image. Torch-free; they are sent to the worker's process unchanged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """Everything that decides an image. Equal parameters make the same image on one build and device.

    The fields are not checked here. `interface.Limits` holds the bounds of a model, and requests are checked against
    them where they enter.
    """

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
    negative_prompt: str = ""
    guidance_rescale: float = 0.0
    """Share, 0 to 1, by which guided predictions are brought back to the deviation of unguided ones (section 3.4 of
    arXiv:2305.08891)."""

    @property
    def guided(self) -> bool:
        return self.guidance_scale > 1.0

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts whose conditioning the image needs, in the order of its rows in a UNet call."""
        return (self.negative_prompt, self.prompt) if self.guided else (self.prompt,)
