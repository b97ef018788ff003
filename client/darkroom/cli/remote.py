"""The backend that sends requests to a Darkroom server."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator, Iterator, Sequence
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


class RemoteBackend:
    """Implements `backends.Backend`. Both methods also raise `ValueError` where the address or the key is invalid."""

    def __init__(self, address: str | None) -> None:
        """None stands for the SDK's default, port 8000 of this machine."""
        self._address = address

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        async with AsyncDarkroom(
            base_url=self._address,
            max_retries=_MAX_RETRIES,
            on_retry=lambda retry: watch.stage(_waiting(retry)),
        ) as client:
            # A wrong address is reported at once, not after all retries. Any answer shows that a server is there.
            with contextlib.suppress(APIStatusError):
                await client.with_options(max_retries=0).models.list()
            yield client

    def models(self) -> Sequence[FoundModel]:
        with Darkroom(base_url=self._address, max_retries=0) as client:
            return [FoundModel(model.id, client.base_url) for model in client.models.list()]


def _waiting(retry: Retry) -> str:
    is_answer = isinstance(retry.error, APIStatusError)
    reason = retry.error.message.rstrip(".") if is_answer else "The server does not answer"
    return f"{reason}; trying again in {math.ceil(retry.wait_s)} s"


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[Darkroom]:
    """Return a context that yields a client of the server at `address`. It turns errors into `typer.TyperException`."""
    with explained(), Darkroom(base_url=address, on_retry=_say) as client:
        # As above: a wrong address is reported at once.
        with contextlib.suppress(APIStatusError):
            client.with_options(max_retries=0).models.list()
        yield client


def _say(retry: Retry) -> None:
    typer.echo(f"{_waiting(retry)}.", err=True)
