"""The interface for distributions that extend the command: with subcommands, or with a backend that needs no server.

Both are found through entry points. Users who only call a remote server therefore install neither torch nor the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
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

IMAGE_NAME: Final[ContextVar[str]] = ContextVar("IMAGE_NAME")
"""The name of the image that the current task makes. A local backend, whose application is called in the context of the
request, reports the image's progress to its `Watch` under this name."""


class Watch(Protocol):
    """Receives the progress of images."""

    @property
    def wants_previews(self) -> bool:
        """Whether previews are shown. If not, the backend should make none."""

    def stage(self, text: str) -> None:
        """Report in a few words what the backend does before the first step."""

    def show(self, image: str, fraction: float, text: str) -> None:
        """Report the progress of `image` as a fraction from 0 to 1 and in words."""

    def preview(self, image: str, content: bytes) -> None:
        """Show the content of an image file in the place of `image`, which is unfinished."""


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
