"""The keyword arguments of `images.generate` and `images.stream`.

Each argument is declared once, in `GenerateParams`. The field of the request body, the option of `darkroom generate`
and the name in its error messages are derived from that declaration by `darkroom._parameters`. Imports neither
pydantic nor the HTTP stack, so that the command's help is quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypedDict

OutputFormat: TypeAlias = Literal["png", "webp", "jpeg"]
Priority: TypeAlias = Literal["interactive", "batch"]


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
    """Keyword arguments of `images.generate` and `images.stream` besides `prompt`.

    The server chooses where an argument is absent or None; its defaults are the model's own.
    """

    size: Annotated[
        str | None,
        Parameter("Width and height in pixels, 128x128 for example.", metavar="WxH"),
    ]
    steps: Annotated[
        int | None,
        Parameter("Denoising steps: more is slower and finer.", wire_name="num_inference_steps", minimum=1),
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
        Parameter("Tames overexposure by strong guidance, 0 to 1.", minimum=0.0),
    ]
    seed: Annotated[
        int | None,
        Parameter(
            "The same seed and settings give the same image. Counted up for each further image of a prompt. "
            "From 0 to 2^63 - 1; random if not given."
        ),
    ]
    negative_prompt: Annotated[
        str | None,
        Parameter("What to keep out of the image.", metavar="TEXT"),
    ]
    long_prompt: Annotated[
        bool | None,
        Parameter("Read prompts beyond the model's length in chunks, instead of cutting them."),
    ]
    sampler: Annotated[
        str | None,
        Parameter("ddim, euler, euler_a, heun, dpm++_2m, unipc, ...", metavar="NAME"),
    ]
    schedule: Annotated[
        str | None,
        Parameter("Spacing of the noise levels: karras, exponential or beta.", metavar="NAME"),
    ]
    model: Annotated[
        str | None,
        Parameter("A name that `darkroom models` shows.", metavar="NAME"),
    ]
    n: Annotated[
        int,
        Parameter("Images to make from the prompt. The server limits it, usually to 10.", is_option=False),
    ]
    output_format: Annotated[
        OutputFormat | None,
        Parameter("File format of the images.", is_option=False),
    ]
    priority: Annotated[
        Priority | None,
        Parameter("`batch` yields to `interactive` requests, which somebody waits for.", is_option=False),
    ]
    deadline_s: Annotated[
        float | None,
        Parameter(
            "Seconds after which the images are of no use. An image that cannot be finished by then fails with code "
            "`deadline_exceeded`.",
            is_option=False,
        ),
    ]
