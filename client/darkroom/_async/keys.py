"""`client.keys`: the keys of the server, for holders of an admin's key."""

from __future__ import annotations

import builtins
from typing import Literal

from typing_extensions import Unpack

from darkroom._async.resource import AsyncRawResource, AsyncResource, async_raw
from darkroom._core import endpoints
from darkroom.results.keys import ApiKey, NewApiKey
from darkroom.types import CallOptions, QuotaParams


class AsyncKeys(AsyncResource):
    """`client.keys`. Every method raises `PermissionDeniedError` where the client's own key is not an admin's."""

    @property
    def with_raw_response(self) -> AsyncKeysWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncKeysWithRawResponse(AsyncKeys, self._transport)

    async def create(
        self,
        *,
        name: str,
        role: Literal["user", "admin"] = "user",
        tenant: str = "default",
        expires_in_s: int | None = None,
        quotas: QuotaParams | None = None,
        **options: Unpack[CallOptions],
    ) -> NewApiKey:
        """Make a key, whose `key` is shown only now. It never expires where `expires_in_s` is None.

        It is tried once, unless `max_retries` says otherwise: a further try could make another key.
        """
        request = endpoints.create_key(name, role, tenant, expires_in_s, quotas)
        return await self._transport.call(request, {"max_retries": 0, **options})

    async def list(self, **options: Unpack[CallOptions]) -> builtins.list[ApiKey]:
        """Return the keys of all tenants, the oldest first, and those that ended within the last 30 days."""
        return await self._transport.call(endpoints.list_keys(), options)

    async def revoke(self, key_id: str, **options: Unpack[CallOptions]) -> None:
        """Revoke a key: within a second all servers refuse it and end what it began. Raises `NotFoundError`."""
        await self._transport.call(endpoints.revoke_key(key_id), options)


class AsyncKeysWithRawResponse(AsyncRawResource[AsyncKeys]):
    """`client.keys.with_raw_response`."""

    create = async_raw(AsyncKeys.create)
    list = async_raw(AsyncKeys.list)
    revoke = async_raw(AsyncKeys.revoke)
