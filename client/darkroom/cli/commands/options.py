"""The options that decide what an image looks like, for the commands that make images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args, get_origin

import typer

from darkroom._core.parameters import EDIT_PARAMETERS, PARAMETERS, DeclaredParameter
from darkroom.cli.commands.values import parse_first_pass, parse_margins, parse_offsets, parse_size
from darkroom.types import EditParams

CommandT = TypeVar("CommandT", bound=Callable[..., object])

JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]


class CommandParams(EditParams, total=False):
    """The arguments that a command gets from its options. One that was not given is None."""

    image: Path | None
    hires_steps: int | None
    hires_strength: float | None
    hires_upscaler: str | None
    refiner_model: str | None
    refiner_switch_at: float | None


def value_type(parameter: DeclaredParameter) -> Any:
    """Return the type of an argument that may be None."""
    return next(kind for kind in get_args(parameter.type) if kind is not type(None))


def is_plain(parameter: DeclaredParameter) -> bool:
    """Whether an argument has a plain value, which one word on the command line gives."""
    kind = value_type(parameter)
    return kind in (bool, int, float, str) or get_origin(kind) is Literal


DECIDE_NOTHING: Final = frozenset({"priority", "deadline_s"})
"""Arguments that decide when an image is made, and not what it shows."""
EDIT_OPTIONS: Final = {
    name: parameter for name, parameter in EDIT_PARAMETERS.items() if name not in PARAMETERS and is_plain(parameter)
}
"""Arguments of images that start from another one, besides the images."""


_MORE: Final = "Two passes, and size conditioning of SDXL"
"""The section of the help with the options that few people need."""


def _file_option(name: str, text: str) -> Any:
    return typer.Option(name, metavar="FILE", exists=True, dir_okay=False, readable=True, help=text)


_OTHER_OPTIONS: Final[Mapping[str, Any]] = {
    "image": Annotated[Path | None, _file_option("--image", "An image to start from: PNG, WebP or JPEG.")],
    "mask": Annotated[
        Path | None,
        _file_option(
            "--mask",
            "With --image: an image of the same size that marks what to repaint: its transparent parts or, if it has "
            "no transparency, its white parts.",
        ),
    ],
    "extend": Annotated[
        dict[str, int] | None,
        typer.Option(
            "--extend",
            metavar="SIDES",
            parser=parse_margins,
            help="With --image: pixels by which to extend it, for example left=64,right=64; a single number applies to "
            "all four sides. The new area is painted.",
        ),
    ],
    "hires": Annotated[
        dict[str, float] | None,
        typer.Option(
            "--hires",
            metavar="FACTOR|WxH",
            parser=parse_first_pass,
            rich_help_panel=_MORE,
            help="Make a smaller image first, then enlarge it and denoise it further. With 2, the first image is half "
            "as wide and half as high; 512x512 sets its size.",
        ),
    ],
    "hires_steps": Annotated[
        int | None,
        typer.Option(
            "--hires-steps", min=1, rich_help_panel=_MORE, help="With --hires: number of steps of the second pass."
        ),
    ],
    "hires_strength": Annotated[
        float | None,
        typer.Option(
            "--hires-strength",
            min=0.0,
            max=1.0,
            rich_help_panel=_MORE,
            help="With --hires: how far the second pass goes back into the noise.",
        ),
    ],
    "hires_upscaler": Annotated[
        str | None,
        typer.Option(
            "--hires-upscaler",
            metavar="NAME",
            rich_help_panel=_MORE,
            help="With --hires: how to enlarge the result of the first pass. By default, bilinear.",
        ),
    ],
    **{
        name: Annotated[
            Any,  # For a tuple, typer would take each part from an argument of its own.
            typer.Option(
                PARAMETERS[name].option,
                metavar=metavar,
                parser=parser,
                rich_help_panel=_MORE,
                help=PARAMETERS[name].declaration.help,
            ),
        ]
        for name, metavar, parser in (
            ("original_size", "WxH", parse_size),
            ("crop", "LEFT,TOP", parse_offsets),
            ("target_size", "WxH", parse_size),
        )
    },
    "refiner_model": Annotated[
        str | None,
        typer.Option(
            "--refiner", metavar="NAME", help="Another model that makes the last steps, for example SDXL's refiner."
        ),
    ],
    "refiner_switch_at": Annotated[
        float | None,
        typer.Option(
            "--refiner-switch-at",
            min=0.0,
            max=1.0,
            help="With --refiner: fraction of the steps after which it takes over.",
        ),
    ],
}
"""Options that are not made from a declaration alone: their values are files or have parts, or they are themselves
parts of an argument."""


def with_generation_options(parameters: Mapping[str, DeclaredParameter] = PARAMETERS) -> Callable[[CommandT], CommandT]:
    """Give a command that takes `**params` an option for each of `parameters`; an option that is not given is None.

    In the help they stand behind the command's positional parameters and before its keyword-only ones.
    """

    def decorate(command: CommandT) -> CommandT:
        signature = inspect.signature(command, eval_str=True)
        own = list(signature.parameters.values())
        declared = [each for each in parameters.values() if each.declaration.is_option]
        # inspect.signature, and so typer, reads `__signature__` (PEP 362), which mypy does not know of on functions.
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]  # typer reads it
            parameters=[
                *(each for each in own if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD),
                *map(_option, [*declared, *EDIT_OPTIONS.values()]),
                *(_keyword(name, annotation) for name, annotation in _OTHER_OPTIONS.items()),
                *(each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY),
            ]
        )
        return command

    return decorate


def _option(parameter: DeclaredParameter) -> inspect.Parameter:
    about = parameter.declaration
    text = about.help
    if parameter.name in EDIT_OPTIONS:
        text = f"With --image: {text[0].lower()}{text[1:]}"
    option = typer.Option(parameter.option, help=text, metavar=about.metavar, min=about.minimum)
    kind: Any = parameter.type
    return _keyword(parameter.name, Annotated[kind, option])


def _keyword(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def request_params(given: CommandParams) -> dict[str, Any]:
    """Return the arguments for the SDK, without those that were not given. Raises `typer.BadParameter`."""
    params: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if "image" not in params:
        for name in params.keys() & {"mask", "extend", *EDIT_OPTIONS}:
            raise typer.BadParameter("it needs --image, the image to start from", param_hint=[_spelled(name)])
    refiner = params.pop("refiner_model", None)
    refiner_parts = _parts(params, "refiner", "--refiner, the model to switch to", needs=refiner)
    if refiner is not None:
        params["refiner"] = {"model": refiner, **refiner_parts}
    hires_parts = _parts(params, "hires", "--hires, the size of the first pass", needs=params.get("hires"))
    if "hires" in params:
        params["hires"] = {**params["hires"], **hires_parts}
    return params


def _parts(params: dict[str, Any], argument: str, needed: str, *, needs: object) -> dict[str, Any]:
    """Take the parts of an argument out of `params`. Raises `typer.BadParameter` where there are some for nothing."""
    names = [name for name in params if name.startswith(f"{argument}_")]
    if names and needs is None:
        raise typer.BadParameter(f"it needs {needed}", param_hint=[_spelled(names[0])])
    return {name.removeprefix(f"{argument}_"): params.pop(name) for name in names}


def _spelled(name: str) -> str:
    return f"--{name.replace('_', '-')}"
