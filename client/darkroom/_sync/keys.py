# Written by `python -m scripts.sync_client` from client/darkroom/_async/keys.py: change that instead.

"""`client.keys`: the keys of the server, for holders of an admin's key."""

from __future__ import annotations

import builtins
from typing import Literal

from typing_extensions import Unpack

from darkroom._core import endpoints
from darkroom._sync.resource import RawResource, Resource, raw
from darkroom.results.keys import ApiKey, NewApiKey
from darkroom.types import CallOptions, QuotaParams


class Keys(Resource):
    """`client.keys`. Every method raises `PermissionDeniedError` where the client's own key is not an admin's."""

    @property
    def with_raw_response(self) -> KeysWithRawResponse:
        """The methods that return status and headers beside the result."""
        return KeysWithRawResponse(Keys, self._transport)

    def create(
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
        return self._transport.call(request, {"max_retries": 0, **options})

    def list(self, **options: Unpack[CallOptions]) -> builtins.list[ApiKey]:
        """Return the keys of all tenants, the oldest first, and those that ended within the last 30 days."""
        return self._transport.call(endpoints.list_keys(), options)

    def revoke(self, key_id: str, **options: Unpack[CallOptions]) -> None:
        """Revoke a key: within a second all servers refuse it and end what it began. Raises `NotFoundError`."""
        self._transport.call(endpoints.revoke_key(key_id), options)


class KeysWithRawResponse(RawResource[Keys]):
    """`client.keys.with_raw_response`."""

    create = raw(Keys.create)
    list = raw(Keys.list)
    revoke = raw(Keys.revoke)
