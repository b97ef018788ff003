"""What the engine asks of a model: the Pipeline protocol, and what passes through it. Torch-free.

The engine holds states and outputs without looking inside them; all that it reads is a state's `next_call` and `step`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

from pipelines.params import GenerationParams

UPCAST: Final = "upcast"
"""Phase of the images of `Pipeline.begin_upcast`."""


class BatchKey(NamedTuple):
    """What must be equal for images to share a UNet call."""

    model: str
    latent_height: int
    latent_width: int
    tokens: int
    """Length of the text conditioning."""
    phase: str = ""
    """`UPCAST`, or the cache phase where one is used."""


@dataclass(frozen=True, slots=True)
class NextCall:
    """What an image needs next."""

    key: BatchKey
    rows: int
    """Samples that it takes in the next UNet call: two while guided, else one."""
    calls_left: int
    """UNet calls until it is ready to decode, the next one included."""


@dataclass(frozen=True, slots=True)
class RgbImage:
    """Raw pixels: `height` x `width` x 3 bytes of sRGB, row by row."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a model accepts; requests beyond are refused (or, on lenient dialects, brought to the nearest)."""

    side_multiple: int
    min_side: int
    max_side: int
    max_pixels: int
    max_steps: int
    max_guidance_scale: float
    max_prompt_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What a loaded model says of itself."""

    name: str
    sizes: tuple[tuple[int, int], ...]
    """Sizes that it was trained for, width by height; the first is its default."""
    default_steps: int
    default_guidance_scale: float
    default_sampler: str
    prompt_tokens: int
    """Longest prompt that it reads whole, start and end tokens counted in."""
    device: str
    dtype: str
    limits: Limits
    row_sizes: tuple[int, ...] = ()
    """Numbers of rows to which UNet calls are padded, in order; none where they run as they come."""

    def padded_rows(self, rows: int) -> int:
        """Rows that are added to a call of so many."""
        return next((size - rows for size in self.row_sizes if size >= rows), 0)


class Decoding(Protocol):
    """Images that are being decoded, while the device may be given other work."""

    @property
    def ready(self) -> bool:
        """Whether `finish` would not wait."""

    def finish(self) -> list[RgbImage]:
        """Wait for the images. Raises a `SpoiledError` naming the bad ones."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A `Decoding` that was done when it had begun."""

    rgb_images: list[RgbImage]
    ready: bool = True

    def finish(self) -> list[RgbImage]:
        return self.rgb_images


class ImageState(Protocol):
    """One image in the making: latents, sampler, generator and position, none of them shared."""

    @property
    def params(self) -> GenerationParams: ...

    @property
    def next_call(self) -> NextCall | None:
        """None once the latents are finished and wait for `decode`."""

    @property
    def step(self) -> int:
        """Steps done, as users count them: 0 to `params.steps`."""


ConditioningT = TypeVar("ConditioningT")
StateT = TypeVar("StateT", bound=ImageState)
OutputT = TypeVar("OutputT")


class Pipeline(Protocol[ConditioningT, StateT, OutputT]):
    """A model taken apart into the calls that an engine interleaves between images."""

    @property
    def info(self) -> ModelInfo: ...

    def encode(self, texts: Sequence[str]) -> list[ConditioningT]:
        """Text to conditioning, one batched call; each result serves any image with that text, and may be kept."""

    def begin(self, params: GenerationParams, conditionings: Sequence[ConditioningT]) -> StateT:
        """Draw the initial noise and prepare the sampler. Raises `pipelines.errors.InvalidParamsError`.

        `conditionings` holds one for each of `params.texts`, in that order.
        """

    def begin_upcast(self, params: GenerationParams) -> StateT:
        """The same image from its first noise on, in the next wider dtype: for one whose numbers went wrong.

        It encodes its own texts, and shares calls with its like alone (`BatchKey.phase`). The wider weights take memory
        while such a state is held. Raises what `begin` does.
        """

    def predict(self, states: Sequence[StateT]) -> list[OutputT]:
        """One UNet evaluation of all states, whose demands share one key. Changes no state: it may be retried."""

    def advance(self, state: StateT, output: OutputT) -> None:
        """Guidance and one sampler update. What it raises concerns this image alone."""

    def start_decode(self, states: Sequence[StateT]) -> Decoding:
        """Finished latents of one size to pixels, one batched call, beside later calls where the device can do both."""

    def decode(self, states: Sequence[StateT]) -> list[RgbImage]:
        """`start_decode`, and wait. Raises a `SpoiledError` naming the bad ones."""

    def preview(self, state: StateT) -> RgbImage:
        """A cheap look at the image so far, at any size the pipeline likes; changes nothing."""
