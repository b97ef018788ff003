"""One frozen description of an image to make. Torch-free; it crosses the process border as it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """Everything that decides an image. Two equal params on one build and device give one image.

    Bounds belong to a model (`interface.Limits`) and are checked where a request enters; these fields are plain.
    """

    prompt: str
    width: int
    """Pixels."""
    height: int
    """Pixels."""
    steps: int
    """Denoising steps as users count them; a sampler may make more UNet calls than steps."""
    guidance_scale: float
    """Classifier-free guidance (Ho and Salimans, arXiv:2207.12598); 1 or less turns it off and takes one row."""
    seed: int
    """0 to 2**63 - 1, resolved: an image's own, already counted up for the later images of a job."""
    sampler: str
    """A public name of `pipelines.sampling.samplers`."""
    schedule: str | None = None
    """Spacing of the noise levels: karras, exponential or beta; None is the sampler's own."""
    negative_prompt: str = ""

    @property
    def guided(self) -> bool:
        return self.guidance_scale > 1.0

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts whose conditioning the image needs, in the order of its rows in a UNet call."""
        return (self.negative_prompt, self.prompt) if self.guided else (self.prompt,)
