"""Turns exceptions into a message for the user and an exit status: 2 for invalid input, 1 for a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import typer

from darkroom._core.parameters import PARAMETERS, DeclaredParameter
from darkroom.errors import APIConnectionError, APIStatusError, DarkroomError


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn the errors of backends and files into `typer.TyperException`."""
    try:
        yield
    except DarkroomError as error:
        raise explain(error) from error
    except ValueError as error:
        # From the client's constructor: an invalid address or key.
        raise typer.BadParameter(str(error)) from error
    except OSError as error:
        raise typer.TyperException(f"{error.filename}: {error.strerror}") from error


def explain(error: DarkroomError, parameters: Mapping[str, DeclaredParameter] = PARAMETERS) -> typer.TyperException:
    """Return the exception that ends the command. It names the option that the server refused."""
    if isinstance(error, APIStatusError) and error.status_code < 500 and error.param is not None:
        option = _options_by_argument(parameters).get(error.param)
        if option is not None:
            return typer.BadParameter(error.message.removeprefix(f"{error.param}: "), param_hint=[option])
    if isinstance(error, APIConnectionError):
        return typer.TyperException(f"{error.message}. Is a Darkroom server running there?")
    return typer.TyperException(error.message)


def _options_by_argument(parameters: Mapping[str, DeclaredParameter]) -> dict[str, str]:
    """Return the argument or option of the command that each argument of the SDK comes from."""
    derived = {name: each.option for name, each in parameters.items() if each.declaration.is_option}
    return {"prompt": "PROMPT", **derived}
