"""The Pipeline protocol, through which the engine runs a model, and the values that pass through it. Torch-free.

The engine holds states and outputs without looking inside them. It reads only a state's `params`, `next_call` and
`step`.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from pipelines.snapshots import Resumable

UPCAST: Final = "upcast"
"""The phase of images that `Pipeline.begin_upcast` began."""
WIDE: Final = "wide"
"""The phase of decodes with a decoder in a wider dtype than the model's."""
UPSCALE: Final = "upscale"
"""The phase of calls between the two passes of the hires fix: a decode, an enlargement and an encode."""


class Stage(enum.StrEnum):
    """One kind of work on the way from text to pixels. The calls of a stage run one network."""

    TEXT = "text"
    INPUT = "input"
    """Images to start from are encoded, or the first pass of the hires fix is enlarged by way of its pixels."""
    DENOISE = "denoise"
    DECODE = "decode"
    LOAD = "load"
    """Bringing the model itself to the device. It shares no calls and belongs to no plan."""


class TextKey(NamedTuple):
    """A text that an image needs the conditioning of. Images with equal keys share one."""

    model: str
    text: str | None
    """None is no text, which some models condition on with zeros."""
    long: bool = False
    """Whether the text is read in chunks where it is longer than the encoder reads."""


class BatchKey(NamedTuple):
    """Images may share a call if their keys are equal."""

    stage: Stage
    model: str
    latent_height: int = 0
    """0 in a stage in which the size of the image does not matter."""
    latent_width: int = 0
    tokens: int = 0
    """Length of the text conditioning, where calls do not bring it to that of their longest row; else 0."""
    phase: str = ""
    """`UPCAST`, `WIDE`, `UPSCALE`, or empty."""


class CostKey(NamedTuple):
    """The properties on which the seconds of a call depend, besides its number of rows."""

    stage: Stage
    width: int = 0
    """Pixels; 0 in a stage in which the size of the image does not matter."""
    height: int = 0
    variant: str = ""
    """`UPCAST`, `WIDE`, `UPSCALE`, or empty. For a load, the place that the model comes from."""
    model: str = ""
    """Name of the model."""

    @property
    def pixels(self) -> int:
        return self.width * self.height


@dataclass(frozen=True, slots=True)
class NextCall:
    """The next call of an image: the images with which it may be shared, and its size."""

    key: BatchKey
    cost: CostKey
    rows: int
    """Rows that the image takes in the call: texts, rows of the UNet's batch, or images to encode or decode."""
    calls_left: int
    """Calls until the phase is done, this one included."""


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """The calls that an image takes from its texts to its pixels, known before any of them is made."""

    calls: tuple[NextCall, ...]
    """The first call of each phase, in their order. The hires fix has a UNet phase for each of its passes, and a
    refiner has phases of its own. The keys of any two phases differ."""
    state_bytes: int
    """Upper bound on the device bytes that the image holds from `Pipeline.begin` to its end."""
    steps: int
    """Steps that are made, as users count them, in all passes together."""

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that make the calls, in their order."""
        return tuple(dict.fromkeys(call.key.model for call in self.calls))

    def followed_by(self, rest: WorkPlan) -> WorkPlan:
        """Return the plan of an image that another model goes on with. The two states do not exist at once."""
        return WorkPlan(self.calls + rest.calls, max(self.state_bytes, rest.state_bytes), steps=self.steps + rest.steps)


@dataclass(frozen=True, slots=True)
class RgbImage:
    """Raw pixels: `height` x `width` x 3 bytes of sRGB, row by row."""

    width: int
    height: int
    pixels: bytes


@dataclass(frozen=True, slots=True)
class InputPixels:
    """Raw pixels of an image that another one starts from, or of its mask."""

    width: int
    height: int
    channels: int
    """3 for sRGB, 1 for a mask."""
    pixels: bytes
    """`height` x `width` x `channels` bytes, row by row."""


class PendingAdvance(Protocol):
    """An update that was started. The device may still compute it."""

    @property
    def ready(self) -> bool:
        """True if `finish` would not wait."""

    def finish(self) -> list[Exception | None]:
        """Wait for the update. Returns for each image of the call None, or the error that concerns it alone."""


@dataclass(frozen=True, slots=True)
class CompletedAdvance:
    """A `PendingAdvance` for pipelines that update at once."""

    errors: list[Exception | None]
    ready: bool = True

    def finish(self) -> list[Exception | None]:
        return self.errors


def finish_or_raise(update: PendingAdvance) -> None:
    """Wait for an update. Raises the first error of an image."""
    for error in update.finish():
        if error is not None:
            raise error


class PendingDecode(Protocol):
    """A decode that was started. The device may do other work meanwhile."""

    @property
    def ready(self) -> bool:
        """True if `finish` would not wait."""

    def finish(self) -> list[RgbImage]:
        """Wait for the images. Raises a `NumericalError` that names the bad ones."""


@dataclass(frozen=True, slots=True)
class CompletedDecode:
    """A `PendingDecode` for pipelines that decode at once."""

    images: list[RgbImage]
    ready: bool = True

    def finish(self) -> list[RgbImage]:
        return self.images


class EncodedInput(Protocol):
    """The input from which an image starts, besides its texts, in the form that the pipeline needs.

    That is another image with its mask, which images that start from the same share, or the latents that another model
    left.
    """

    @property
    def nbytes(self) -> int:
        """Bytes of memory that it takes."""


class ImageState(Protocol):
    """An image that was begun. Its latents, sampler, generator and position are its own."""

    @property
    def params(self) -> GenerationParams: ...

    @property
    def next_call(self) -> NextCall | None:
        """None once the model's calls are made: the latents can be decoded or, with a refiner, handed over."""

    @property
    def step(self) -> int:
        """Steps done, as users count them: 0 to `WorkPlan.steps`."""

    @property
    def prompt_lengths(self) -> PromptLengths: ...


ConditioningT = TypeVar("ConditioningT")
StateT = TypeVar("StateT", bound=ImageState)
OutputT = TypeVar("OutputT")


class Pipeline(Resumable[EncodedInput, ConditioningT, StateT], Protocol[ConditioningT, StateT, OutputT]):
    """A model, split into calls that an engine can interleave between images."""

    @property
    def info(self) -> ModelInfo: ...

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        """Return the calls of this model that the image will take. Every image keeps to its plan."""

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        """Return the texts whose conditioning the image needs, in the order of its rows in a UNet call."""

    def encode(self, texts: Sequence[TextKey]) -> list[ConditioningT]:
        """Encode texts in one batched call. A result may be kept and used for any image that has the text."""

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[EncodedInput]:
        """Encode what these images of one size start from, in one batched call, and wait for it.

        `pixels` holds for each image the pixels of `params.pixels`, in that order. The result depends on the pixels
        alone, and may be kept and used for any image that names the same ones. `tiled` encodes in parts that take less
        memory, after an image alone ran out of it. Raises a `NumericalError` that names the bad ones.
        """

    def begin(
        self, params: GenerationParams, conditionings: Sequence[ConditioningT], encoded: EncodedInput | None = None
    ) -> StateT:
        """Draw the initial noise and prepare the sampler. Raises `pipelines.errors.InvalidParamsError`.

        `conditionings` holds one for each of `texts(params)`, in that order. `encoded` is needed where `params.pixels`
        names something; where another model made the first steps, it is what that model's `hand_over` returned.
        """

    def begin_upcast(self, params: GenerationParams, encoded: EncodedInput | None = None) -> StateT:
        """Begin the image again from its initial noise, in the next wider dtype, after a `NumericalError`.

        It encodes the image's texts itself, in the wider dtype. Upcast images share calls only with each other
        (`BatchKey.phase`). The wider weights take memory as long as such a state exists. Raises what `begin` raises.
        """

    def predict(self, states: Sequence[StateT]) -> list[OutputT]:
        """Start one UNet call for states whose keys are equal. Changes no state, so the call may be repeated.

        It does not wait for a device that works beside the host.
        """

    def advance(self, states: Sequence[StateT], outputs: Sequence[OutputT]) -> PendingAdvance:
        """Start guidance and the sampler update of all these images. Like `predict`, it does not wait for the device.

        Each state moves on to its next call at once. If this raises, no state has changed, and the call may be
        repeated. A state for which `PendingAdvance.finish` returns an error must not be used again.
        """

    def hand_over(self, state: StateT) -> EncodedInput:
        """Return what the image's refiner begins with, once this model has made its calls. Changes no state."""

    def upscale(self, states: Sequence[StateT], *, tiled: bool = False) -> None:
        """Enlarge images between two passes, in one batched call, and wait for it. Each begins its second pass.

        Their next calls have the phase `UPSCALE`. `tiled` decodes and encodes in parts that take less memory, after an
        image alone ran out of it. If this raises, no state has changed, and the call may be repeated. Raises a
        `NumericalError` that names the bad ones.
        """

    def start_decode(self, states: Sequence[StateT], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
        """Start to decode finished latents of one size, in one batched call.

        Where `ModelInfo.decodes_beside`, the decode runs beside later calls. `wide` decodes in the next wider dtype,
        after a `NumericalError` of a decode: the latents are sound where only the decoder overflowed. `tiled` decodes
        in parts that take less memory, after an image alone ran out of it. Raises what `PendingDecode.finish` raises.
        """

    def decode(self, states: Sequence[StateT]) -> list[RgbImage]:
        """Call `start_decode` and wait for the images. Raises a `NumericalError` that names the bad ones."""

    def preview(self, state: StateT) -> RgbImage:
        """Draw a cheap preview of the image so far, in a size that the pipeline chooses. Changes no state."""
