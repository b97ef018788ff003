"""The backend that is a server somewhere: what it draws is drawn there."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import stamina.instrumentation

from darkroom._client import AsyncDarkroom, Darkroom
from darkroom.cli.backends import FoundModel, Watch
from darkroom.errors import APIStatusError

_MAX_RETRIES: Final = 10
"""A batch keeps a server's queue full and waits its turn; a server that is starting is waited for."""


class RemoteBackend:
    """Implements `backends.Backend`; both methods raise `ValueError` where the address or the key can be none."""

    def __init__(self, address: str | None) -> None:
        """None is the SDK's default, this machine's port 8000."""
        self._address = address

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        watch.stage("Waiting for the server")
        stamina.instrumentation.set_on_retry_hooks([lambda _: watch.stage("The server is busy, waiting")])
        async with AsyncDarkroom(base_url=self._address, max_retries=_MAX_RETRIES) as client:
            # Whoever mistyped the address hears of it now, not after all retries. Any answer will do.
            with contextlib.suppress(APIStatusError):
                await client.with_options(max_retries=0).models.list()
            yield client

    def models(self) -> Sequence[FoundModel]:
        with Darkroom(base_url=self._address, max_retries=0) as client:
            return [FoundModel(model.id, client.base_url) for model in client.models.list()]
