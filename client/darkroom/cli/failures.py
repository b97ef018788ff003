"""Turns exceptions into one sentence for the user and an exit status."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

import typer

from darkroom._core.parameters import PARAMETERS, DeclaredParameter
from darkroom.cli.commands.options import EDIT_OPTIONS
from darkroom.cli.statuses import CommandError, Status
from darkroom.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    DarkroomError,
    InvalidResponseError,
    JobCanceledError,
    JobDeletedError,
    JobFailedError,
    RedirectError,
)

_STATUSES: Final[Mapping[int, Status]] = {
    401: Status.REFUSED,
    403: Status.REFUSED,
    404: Status.NOT_FOUND,
    410: Status.NOT_FOUND,
    421: Status.UNREACHABLE,
    429: Status.BUSY,
    503: Status.BUSY,
}
_OTHER_OPTIONS: Final = {
    "prompt": "PROMPT",
    "image": "--image",
    "mask": "--mask",
    "extend": "--extend",
    "hires": "--hires",
    "refiner": "--refiner",
    "original_size": "--original-size",
    "crop": "--crop",
    "target_size": "--target-size",
    "output_compression": "--quality",
}
"""Options of arguments that are not made from their declarations."""


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
        reason = error.strerror or str(error)
        raise CommandError(f"{error.filename}: {reason}" if error.filename else reason) from error


def explain(error: DarkroomError, parameters: Mapping[str, DeclaredParameter] = PARAMETERS) -> typer.TyperException:
    """Return the exception that ends the command. It names the option that the server refused."""
    if isinstance(error, (APIStatusError, JobFailedError)):
        option = _options_by_argument(parameters).get(error.param or "")
        if option is not None and not (isinstance(error, APIStatusError) and error.status_code >= 500):
            return typer.BadParameter(_about(error.param or "", error.message), param_hint=[option])
    if isinstance(error, APIStatusError):
        return CommandError(_advice(error), _STATUSES.get(error.status_code, Status.FAILED))
    if isinstance(error, APIConnectionError):
        return CommandError(
            f"{error.message}. Start a server with `darkroom serve`, or name another with --server.",
            Status.UNREACHABLE,
        )
    if isinstance(error, InvalidResponseError):
        return CommandError(error.message, Status.UNREACHABLE)
    if isinstance(error, JobCanceledError):
        return CommandError(f"Job {error.job_id} was canceled.", Status.CANCELED)
    if isinstance(error, JobDeletedError):
        return CommandError(f"Job {error.job_id} was deleted while it ran.", Status.NOT_FOUND)
    return CommandError(error.message)


def _about(argument: str, message: str) -> str:
    """Return what a message says of an argument, or of one of the values in its list, without its name."""
    about = re.sub(rf"\A{re.escape(argument)}(\.\d+)?: ", "", message, count=1)
    return about.replace("GET /v1/models", "`darkroom models`")


def _advice(error: APIStatusError) -> str:
    if isinstance(error, AuthenticationError):
        return (
            "The server asks for an API key that it knows and that has not expired: put one into DARKROOM_API_KEY, or "
            "into a file and name it with --api-key-file."
        )
    if error.status_code == 403:
        return f"{_sentence(error.message)} Use a key that is allowed to do this."
    if error.status_code == 421:
        return (
            "The server does not answer under this address: name one in --server that it knows, or add this one to its "
            "DARKROOM_ALLOWED_HOSTS."
        )
    if isinstance(error, RedirectError):
        place = "another address" if error.location is None else error.location
        return (
            f"The server redirects to {place}, which the command does not follow: name the final server with --server."
        )
    if error.status_code in (429, 503) and error.retry_after is not None:
        return f"{error.message} Try again in {math.ceil(error.retry_after)} s."
    if error.status_code == 404 and error.code is None:
        return f"{error.message}. Is the address in --server that of a Darkroom server?"
    return error.message


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _options_by_argument(parameters: Mapping[str, DeclaredParameter]) -> dict[str, str]:
    """Return the argument or option of the command that each argument of the SDK comes from."""
    declared = {**EDIT_OPTIONS, **{name: each for name, each in parameters.items() if each.declaration.is_option}}
    return {**_OTHER_OPTIONS, **{name: each.option for name, each in declared.items()}}
