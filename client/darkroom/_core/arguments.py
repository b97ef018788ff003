"""Turns the keyword arguments of a call into fields of a request, and fields into arguments that can be sent again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from darkroom._core.inputs import encode_image
from darkroom._core.parameters import EDIT_PARAMETERS, JOB_PARAMETERS, PARAMETERS, DeclaredParameter
from darkroom.results.jobs import ImageRecord, ResolvedRequest
from darkroom.types import CallOptions

_CALL_OPTIONS: Final = frozenset(CallOptions.__annotations__)
_IMAGES: Final = ("image", "mask")
_OF_THE_INPUT: Final = EDIT_PARAMETERS.keys() - PARAMETERS.keys()
"""The arguments that mean nothing without an image to start from."""
_NOT_OF_THE_IMAGE: Final = frozenset(
    {"n", "priority", "deadline_s", "partial_images", "previews", "prompt_matrix", "webhook"}
)
"""Arguments that do not decide what an image looks like, or that concern several."""


def fields_of(method: str, arguments: Mapping[str, Any], parameters: Mapping[str, DeclaredParameter]) -> dict[str, Any]:
    """Return the fields of the request body that the arguments of a call stand for. None counts as absent.

    Options of the call are left out. Raises `TypeError` for an argument that is not in `parameters`, and `OSError` for
    an image that cannot be read.
    """
    unknown = sorted(arguments.keys() - parameters.keys() - _CALL_OPTIONS)
    if unknown:
        raise TypeError(f"{method}() got an unexpected keyword argument '{unknown[0]}'")
    given = {name: arguments[name] for name in parameters if arguments.get(name) is not None}
    return {
        parameters[name].wire_name: encode_image(value) if name in _IMAGES else value for name, value in given.items()
    }


def job_fields(arguments: Mapping[str, Any], parameters: Mapping[str, DeclaredParameter]) -> dict[str, Any]:
    """Return the fields of a job, which has its width and height apart. Raises as `fields_of`, and `ValueError`."""
    fields = fields_of("submit", arguments, parameters)
    size = fields.pop("size", "auto")
    if size == "auto":
        return fields
    sides = str(size).lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise ValueError("size must be WIDTHxHEIGHT in pixels, such as 512x768, or auto")
    return {**fields, "width": int(sides[0]), "height": int(sides[1])}


def argument_names(parameters: Mapping[str, DeclaredParameter]) -> dict[str, str]:
    """Return the argument that each field of a body comes from."""
    return {"width": "size", "height": "size", **{each.wire_name: name for name, each in parameters.items()}}


def sent_with(arguments: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Return the arguments that decide what an image looks like, with `more` of them."""
    left_out = _CALL_OPTIONS | _NOT_OF_THE_IMAGE
    given = {name: value for name, value in arguments.items() if name not in left_out and value is not None}
    return {**given, **{name: value for name, value in more.items() if value is not None}}


def parameters_of(image: ImageRecord, request: ResolvedRequest) -> dict[str, Any]:
    """Return the arguments that make an image of a job again."""
    settings = {name: request.settings.get(each.wire_name) for name, each in JOB_PARAMETERS.items()}
    if settings["image"] is None:
        settings = {name: value for name, value in settings.items() if name not in _OF_THE_INPUT}
    return sent_with(
        settings,
        prompt=image.prompt,
        model=request.model,
        seed=image.seed,
        size=f"{image.width}x{image.height}",
        output_format=request.output_format,
        output_compression=request.output_compression,
    )
