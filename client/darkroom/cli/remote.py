"""The backend that sends requests to a Darkroom server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

from darkroom._async.client import AsyncDarkroom
from darkroom._sync.client import Darkroom
from darkroom.cli.backends import FoundModel, Watch
from darkroom.errors import APIStatusError

_MAX_RETRIES: Final = 10
"""More than the SDK's default: a large batch keeps the server's queue full, and a starting server needs a while."""


class RemoteBackend:
    """Implements `backends.Backend`. Both methods also raise `ValueError` where the address or the key is invalid."""

    def __init__(self, address: str | None) -> None:
        """None stands for the SDK's default, port 8000 of this machine."""
        self._address = address

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        watch.stage("Waiting for the server")
        async with AsyncDarkroom(
            base_url=self._address,
            max_retries=_MAX_RETRIES,
            on_retry=lambda _: watch.stage("The server is busy, waiting"),
        ) as client:
            # A wrong address is reported at once, not after all retries. Any answer shows that a server is there.
            with contextlib.suppress(APIStatusError):
                await client.with_options(max_retries=0).models.list()
            yield client

    def models(self) -> Sequence[FoundModel]:
        with Darkroom(base_url=self._address, max_retries=0) as client:
            return [FoundModel(model.id, client.base_url) for model in client.models.list()]
