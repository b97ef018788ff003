"""From what a call raises to one sentence for the user and an exit status: 2 for wrong input, 1 for a failure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import typer

from darkroom.errors import APIConnectionError, APIStatusError, DarkroomError

_OPTIONS: Final = {
    "prompt": "PROMPT",
    "model": "--model",
    "size": "--size",
    "seed": "--seed",
    "negative_prompt": "--negative-prompt",
    "num_inference_steps": "--steps",
    "guidance_scale": "--guidance",
    "sampler": "--sampler",
    "schedule": "--schedule",
}
"""The option that each request field comes from."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Around whatever speaks to a backend or writes files; raises `typer.TyperException`."""
    try:
        yield
    except DarkroomError as error:
        raise explain(error) from error
    except ValueError as error:
        # Of the client's constructor: an address or a key that can be none.
        raise typer.BadParameter(str(error)) from error
    except OSError as error:
        raise typer.TyperException(f"{error.filename}: {error.strerror}") from error


def explain(error: DarkroomError) -> typer.TyperException:
    """What the command ends with."""
    if isinstance(error, APIStatusError) and error.status_code < 500 and error.param in _OPTIONS:
        message = error.message.removeprefix(f"{error.param}: ")
        return typer.BadParameter(message, param_hint=[_OPTIONS[error.param]])
    if isinstance(error, APIConnectionError):
        return typer.TyperException(f"{error.message}. Is a Darkroom server running there?")
    return typer.TyperException(error.message)
