"""The interface for distributions that extend the command: with subcommands, or with a backend that needs no server.

Both are found through entry points. Users who only call a remote server therefore install neither torch nor the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, Protocol

import typer

if TYPE_CHECKING:
    from darkroom import AsyncDarkroom

COMMANDS_GROUP: Final = "darkroom.commands"
"""Entry points that are `typer.Typer` objects; their commands join the top level."""
BACKENDS_GROUP: Final = "darkroom.backends"
"""Entry points that are classes of the `Backend` protocol whose constructors take no arguments. The first is used."""


class Watch(Protocol):
    """Receives the progress of a backend."""

    def stage(self, text: str) -> None:
        """Say in a few words what the backend does before the first step."""

    def advance(self, image: str, fraction: float) -> None:
        """Report that `image` is done to `fraction`, 0 to 1. Any string that is unique to the image will do."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model that a backend can generate with."""

    name: str
    """The value for `--model`."""
    location: str
    """Folder of the model, or address of the server that has it."""


class Backend(Protocol):
    """Generates images. Both methods raise `darkroom.errors.DarkroomError` with a message for the user."""

    def connect(self, *, model: str | None, watch: Watch) -> AbstractAsyncContextManager[AsyncDarkroom]:
        """Return a context that yields a client of `model`, or of the default model where it is None.

        A local backend loads the model when the context is entered.
        """

    def models(self) -> Sequence[FoundModel]:
        """Return the models that can be used without a download."""


def installed_commands() -> list[typer.Typer]:
    """Return the subcommands of other installed distributions.

    Prints a warning for those that cannot be imported, and leaves them out.
    """
    found = []
    for point in entry_points(group=COMMANDS_GROUP):
        try:
            app = point.load()
        except ImportError as error:
            typer.echo(f"Warning: the commands of {point.value} are not available: {error}", err=True)
            continue
        assert isinstance(app, typer.Typer), f"{point.value} is not a typer.Typer"
        found.append(app)
    return found


def installed_backend() -> Backend | None:
    """Return the installed local backend. None where only the client is installed."""
    for point in entry_points(group=BACKENDS_GROUP):
        backend: Backend = point.load()()
        return backend
    return None
