"""The keyword arguments of calls that make images.

Each argument is declared once: in `GenerateParams` where all of these calls take it, in `EditParams` and `JobParams`
where only some do. The field of the request body, the option of `darkroom generate` and the name in its error messages
are derived from that declaration by `darkroom._core.parameters`. Imports neither pydantic nor the HTTP stack, so that
the command's help is quick.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal, Protocol, TypeAlias, TypedDict

from typing_extensions import Required

if TYPE_CHECKING:
    import httpx2
    from PIL.Image import Image as PillowImage

    from darkroom.results.server import Upload

OutputFormat: TypeAlias = Literal["png", "webp", "jpeg"]
Priority: TypeAlias = Literal["interactive", "batch"]


class HasBytes(Protocol):
    """An image that this client has loaded, such as one of a result."""

    def bytes(self) -> builtins.bytes: ...


if TYPE_CHECKING:
    ImageInput: TypeAlias = builtins.bytes | os.PathLike[str] | BinaryIO | HasBytes | Upload | PillowImage | str
    """An image to send: its content, a path, an open file, an image of a result, an upload, or one of Pillow's. A text
    is base64, a data URL, or the SHA-256 of an upload; it is not a path."""
else:
    ImageInput: TypeAlias = Any
    """The types of the other packages are not imported for this."""


class HiresParams(TypedDict, total=False):
    """Two passes: a first one at a smaller size, and a second one at the size of the image."""

    scale: float
    """The result's sides divided by those of the first pass; 2 if not given."""
    width: int
    """Pixels of the first pass, instead of `scale`; with `height`."""
    height: int
    steps: int
    """Steps of the second pass; as many as those of the first if not given."""
    strength: float
    """Share of the noise schedule that the second pass goes back, above 0 and up to 1."""
    upscaler: str
    """The name of an upscaler that `client.capabilities` lists."""


class RefinerParams(TypedDict, total=False):
    """Another model, which makes the last steps of an image."""

    model: Required[str]
    """A served model with the same latents, such as SDXL's refiner."""
    switch_at: float
    """Share of the steps after which it takes over; 0.8 if not given."""


class Margins(TypedDict, total=False):
    """Pixels by which an image is extended on each side."""

    left: int
    top: int
    right: int
    bottom: int


class WebhookParams(TypedDict, total=False):
    """An address that is told what becomes of a job. `darkroom.webhooks.verify` reads what arrives there."""

    url: Required[str]
    """An https address with a public host, unless the server's operator has named the host."""
    events: Sequence[Literal["job.started", "job.succeeded", "job.failed", "job.canceled"]]
    """The events that are told; by default those of the job's end."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """Describes one argument of `GenerateParams`."""

    help: str
    """Says what the argument does. It is also the help of the option."""
    wire_name: str | None = None
    """Field of the request body. None: the argument's name."""
    option: str | None = None
    """Option of `darkroom generate`. None: `--` and the argument's name with hyphens."""
    metavar: str | None = None
    """Placeholder for the value in the help of the command. None: the name of its type."""
    minimum: float | None = None
    """Smallest value that the command accepts; the server checks the rest."""
    is_option: bool = True
    """False where `darkroom generate` has no option for the argument, or one that does something else."""


class GenerateParams(TypedDict, total=False):
    """Keyword arguments of all calls that make images, besides `prompt`.

    The server chooses where an argument is absent or None; its defaults are the model's own.
    """

    size: Annotated[
        str | None,
        Parameter("Width and height in pixels, for example 128x128.", metavar="WxH"),
    ]
    steps: Annotated[
        int | None,
        Parameter(
            "Number of denoising steps. More steps take longer and give finer images.",
            wire_name="num_inference_steps",
            minimum=1,
        ),
    ]
    guidance_scale: Annotated[
        float | None,
        Parameter(
            "How closely to follow the prompt; 1 or less turns guidance off and halves the work.",
            option="--guidance",
            minimum=0.0,
        ),
    ]
    guidance_rescale: Annotated[
        float | None,
        Parameter("Reduces overexposure by strong guidance, 0 to 1.", minimum=0.0),
    ]
    seed: Annotated[
        int | None,
        Parameter(
            "The same seed and settings give the same image. Each further image of a prompt gets the next seed. "
            "From 0 to 2^63 - 1; random by default."
        ),
    ]
    negative_prompt: Annotated[
        str | None,
        Parameter("What to keep out of the image.", metavar="TEXT"),
    ]
    long_prompt: Annotated[
        bool | None,
        Parameter("Read prompts that are too long for the model in chunks, instead of cutting them."),
    ]
    sampler: Annotated[
        str | None,
        Parameter("Sampler: ddim, euler, euler_a, heun, dpm++_2m, unipc, ...", metavar="NAME"),
    ]
    schedule: Annotated[
        str | None,
        Parameter("Spacing of the noise levels: karras, exponential or beta.", metavar="NAME"),
    ]
    model: Annotated[
        str | None,
        Parameter("Model: a name that `darkroom models` shows.", metavar="NAME"),
    ]
    n: Annotated[
        int,
        Parameter("Number of images to make from the prompt. The server limits it, usually to 10.", is_option=False),
    ]
    output_format: Annotated[
        OutputFormat | None,
        Parameter("File format of the images.", is_option=False),
    ]
    output_compression: Annotated[
        int | None,
        Parameter("Quality of WebP and JPEG, 0 to 100. WebP is lossless at 100.", is_option=False),
    ]
    hires: Annotated[
        HiresParams | None,
        Parameter("Make a smaller image first, then enlarge it and denoise it further.", is_option=False),
    ]
    refiner: Annotated[
        RefinerParams | None,
        Parameter("Another model makes the last steps.", is_option=False),
    ]
    original_size: Annotated[
        tuple[int, int] | None,
        Parameter("Original width and height to pass to a model with size conditioning (SDXL).", is_option=False),
    ]
    crop: Annotated[
        tuple[int, int] | None,
        Parameter("Left and top of the crop to pass to a model with size conditioning (SDXL).", is_option=False),
    ]
    target_size: Annotated[
        tuple[int, int] | None,
        Parameter("Target width and height to pass to a model with size conditioning (SDXL).", is_option=False),
    ]
    priority: Annotated[
        Priority | None,
        Parameter("`batch` gives way to `interactive` requests, which somebody is waiting for."),
    ]
    deadline_s: Annotated[
        float | None,
        Parameter(
            "Seconds after which the images are of no use. An image that cannot be finished by then fails with the "
            "code `deadline_exceeded`.",
            option="--deadline",
            metavar="SECONDS",
        ),
    ]


class EditParams(GenerateParams, total=False):
    """Keyword arguments of calls that start from an image, besides `image` and `prompt`."""

    mask: Annotated[
        ImageInput | None,
        Parameter(
            "An image of the same size that marks what to repaint: its transparent parts or, if it has no "
            "transparency, its white parts."
        ),
    ]
    strength: Annotated[
        float | None,
        Parameter(
            "How far to depart from the image, above 0 and up to 1. By default, 1 with a mask and 0.75 without one."
        ),
    ]
    keep_unmasked: Annotated[
        bool | None,
        Parameter("Put the original pixels back into the finished image where the mask keeps them."),
    ]
    image_guidance_scale: Annotated[
        float | None,
        Parameter("How closely an InstructPix2Pix model keeps to the image; 1 turns this guidance off."),
    ]
    extend: Annotated[
        Margins | None,
        Parameter("Pixels by which to extend the image on each side. The new area is painted."),
    ]
    resize_mode: Annotated[
        Literal["crop", "stretch"] | None,
        Parameter("How to fit an image whose proportions differ from those of the size."),
    ]


class StreamParams(EditParams, total=False):
    """Keyword arguments of `images.stream`, besides `prompt`."""

    image: Annotated[ImageInput | None, Parameter("An image to start from.")]
    partial_images: Annotated[int, Parameter("Number of previews of each image, 0 to 3.")]


class JobParams(EditParams, total=False):
    """Keyword arguments of `jobs.submit`, besides `prompt`."""

    image: Annotated[ImageInput | None, Parameter("An image to start from.")]
    prompt_matrix: Annotated[
        bool | None,
        Parameter("Whether `{a|b}` in a prompt stands for one prompt with a and one with b."),
    ]
    previews: Annotated[int | None, Parameter("Number of previews of each image among the job's events, at most 10.")]
    webhook: Annotated[WebhookParams | None, Parameter("An address to which events of the job are sent.")]


class QuotaParams(TypedDict, total=False):
    """The limits of a key, for `keys.create`. None is no limit of its own."""

    requests_per_minute: int | None
    max_jobs: int | None
    """Jobs that have not ended."""
    device_s_per_minute: float | None
    """Device seconds that a minute's requests may cost."""
    max_stored_bytes: int | None
    """Images and uploads of the key's tenant."""


class CallOptions(TypedDict, total=False):
    """Keyword arguments that every call takes. They go before the options of the client."""

    timeout: float | httpx2.Timeout | None
    """Seconds that each try may pass without receiving anything."""
    max_retries: int | None
    """Further tries after a failure that may be temporary."""
    extra_headers: Mapping[str, str] | None
    """Headers of this request alone."""
    extra_body: Mapping[str, Any] | None
    """Fields of the body that this version of the client does not know."""


class GenerateArguments(GenerateParams, CallOptions, total=False):
    """All keyword arguments of `images.generate`, besides `prompt`."""


class EditArguments(EditParams, CallOptions, total=False):
    """All keyword arguments of `images.edit`, besides `image` and `prompt`."""


class StreamArguments(StreamParams, CallOptions, total=False):
    """All keyword arguments of `images.stream`, besides `prompt`."""


class JobArguments(JobParams, CallOptions, total=False):
    """All keyword arguments of `jobs.submit`, besides `prompt` and `idempotency_key`."""
