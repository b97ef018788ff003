"""What another distribution may add to the command: subcommands, and a way to draw without a server. The contract.

Both are found by entry point, so that whoever only calls a server somewhere else installs neither torch nor the server.
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
"""Entry points that are classes, made without arguments, of the `Backend` protocol; the first is used."""


class Watch(Protocol):
    """Is told how far the images are."""

    def stage(self, text: str) -> None:
        """What goes on before the first step, in a few words."""

    def advance(self, image: str, fraction: float) -> None:
        """`image`, by any name that is its own, is done to `fraction`, 0 to 1."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model on this machine."""

    name: str
    """What `--model` takes."""
    location: str


class Backend(Protocol):
    """Draws on this machine. Both methods raise `darkroom.errors.DarkroomError` with a sentence for the user."""

    def connect(self, *, model: str | None, watch: Watch) -> AbstractAsyncContextManager[AsyncDarkroom]:
        """Load `model`, or the default one, and be its server for as long as the context lasts."""

    def models(self) -> Sequence[FoundModel]:
        """What can be loaded without a download."""


def installed_commands() -> list[typer.Typer]:
    """One that cannot be imported is told of and left out: the rest still works."""
    found = []
    for point in entry_points(group=COMMANDS_GROUP):
        try:
            app = point.load()
        except ImportError as error:
            typer.echo(f"Warning: the commands of {point.value} are not available: {error}", err=True)
            continue
        assert isinstance(app, typer.Typer), f"{point.value} is no typer.Typer"
        found.append(app)
    return found


def installed_backend() -> Backend | None:
    """The backend that this installation has; None in a client by itself."""
    for point in entry_points(group=BACKENDS_GROUP):
        backend: Backend = point.load()()
        return backend
    return None
