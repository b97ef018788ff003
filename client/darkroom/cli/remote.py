"""The backend that sends requests to a Darkroom server."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from darkroom._async.client import AsyncDarkroom
from darkroom._sync.client import Darkroom
from darkroom.cli.backends import FoundModel, Watch
from darkroom.cli.failures import explained
from darkroom.errors import APIStatusError

if TYPE_CHECKING:
    from darkroom import Retry

_MAX_RETRIES: Final = 10
"""More than the SDK's default: a large batch keeps the server's queue full, and a starting server needs a while."""

_KEY_FILE: Final = "--api-key-file"
_MAX_KEY_FILE_BYTES: Final = 1 << 16
"""Most bytes that are read of a key file, which may be an endless device."""


class RemoteBackend:
    """Implements `backends.Backend`. Both methods also raise `ValueError` where the address or the key is invalid."""

    def __init__(self, address: str | None, api_key: str | None = None) -> None:
        """None stands for the SDK's defaults: port 8000 of this machine, and DARKROOM_API_KEY."""
        self._address = address
        self._api_key = api_key

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        async with AsyncDarkroom(
            base_url=self._address,
            api_key=self._api_key,
            max_retries=_MAX_RETRIES,
            on_retry=lambda retry: watch.stage(_waiting(retry)),
        ) as client:
            # A wrong address is reported at once, not after all retries. Any answer shows that a server is there.
            with contextlib.suppress(APIStatusError):
                await client.with_options(max_retries=0).models.list()
            yield client

    def models(self) -> Sequence[FoundModel]:
        with Darkroom(base_url=self._address, api_key=self._api_key, max_retries=0) as client:
            return [FoundModel(model.id, client.base_url) for model in client.models.list() if not model.parent]


def read_key(file: Path | None) -> str | None:
    """Return the key in a file. Empty lines and those that begin with # are ignored.

    The file may be the server's own key file, in which a line has more after the key. Raises `typer.BadParameter`
    where there is not exactly one. The message repeats neither the content nor the name, which may be the key.
    """
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            text = opened.read(_MAX_KEY_FILE_BYTES).decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
        raise typer.BadParameter(f"the file cannot be read ({reason})", param_hint=[_KEY_FILE]) from error
    keys = [line.split()[0] for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(keys) != 1:
        raise typer.BadParameter(f"the file must hold one API key, and holds {len(keys)}", param_hint=[_KEY_FILE])
    return keys[0]


def _waiting(retry: Retry) -> str:
    is_answer = isinstance(retry.error, APIStatusError)
    reason = retry.error.message.rstrip(".") if is_answer else "The server does not answer"
    return f"{reason}; trying again in {math.ceil(retry.wait_s)} s"


@contextlib.contextmanager
def connected(address: str | None, key_file: Path | None) -> Iterator[Darkroom]:
    """Return a context that yields a client of the server at `address`. It turns errors into `typer.TyperException`."""
    key = read_key(key_file)
    with explained(), Darkroom(base_url=address, api_key=key, on_retry=_say) as client:
        # As above: a wrong address is reported at once.
        with contextlib.suppress(APIStatusError):
            client.with_options(max_retries=0).models.list()
        yield client


def _say(retry: Retry) -> None:
    typer.echo(f"{_waiting(retry)}.", err=True)
