"""Reads the declarations of generation parameters: their types, and their names in Python, in requests and as options.

`darkroom._core.endpoints` builds requests from them, `darkroom.cli` its options and error messages. Knows neither HTTP
nor the library that parses the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from darkroom.types import EditParams, GenerateParams, JobParams, Parameter, StreamParams


@dataclass(frozen=True, slots=True)
class DeclaredParameter:
    """One argument, with the names that its declaration leaves to the default filled in."""

    name: str
    """The argument's name in Python."""
    type: Any
    """Its type, without `Annotated`."""
    wire_name: str
    """Field of the request body."""
    option: str
    """Option of `darkroom generate`, where `declaration.is_option`."""
    declaration: Parameter


def read_parameters(params: type) -> dict[str, DeclaredParameter]:
    """Return the arguments that a TypedDict such as `GenerateParams` declares, by name and in order.

    Raises `TypeError` for one whose type is not `Annotated` with a `Parameter`.
    """
    hints = get_type_hints(params, include_extras=True)
    return {name: _read_parameter(name, hint) for name, hint in hints.items()}


def _read_parameter(name: str, hint: Any) -> DeclaredParameter:
    kind, *metadata = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    declaration = next((each for each in metadata if isinstance(each, Parameter)), None)
    if declaration is None:
        raise TypeError(f"{name} must be declared as Annotated[TYPE, Parameter(...)]")
    return DeclaredParameter(
        name=name,
        type=kind,
        wire_name=declaration.wire_name or name,
        option=declaration.option or f"--{name.replace('_', '-')}",
        declaration=declaration,
    )


PARAMETERS: Final[Mapping[str, DeclaredParameter]] = read_parameters(GenerateParams)
EDIT_PARAMETERS: Final[Mapping[str, DeclaredParameter]] = read_parameters(EditParams)
STREAM_PARAMETERS: Final[Mapping[str, DeclaredParameter]] = read_parameters(StreamParams)
JOB_PARAMETERS: Final[Mapping[str, DeclaredParameter]] = read_parameters(JobParams)
