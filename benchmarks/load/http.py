"""An HTTP client of one server on this machine. Sends requests and checks responses; the caller decides when."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator

import httpx2

from benchmarks.load.apis import Api, InvalidResponse, check_png
from benchmarks.workload import Request


class HttpTarget:
    """A server that receives requests over HTTP. Connections stay open, and their number is unlimited."""

    def __init__(self, client: httpx2.AsyncClient, api: Api) -> None:
        self._client = client
        self._api = api

    async def send(self, request: Request) -> bytes:
        """Returns the image's PNG file. Raises `InvalidResponse`, also after a timeout or a connection error."""
        try:
            response = await self._client.post(self._api.path, json=self._api.body(request))
        except httpx2.RequestError as error:
            raise InvalidResponse(type(error).__name__) from error
        if response.status_code != httpx2.codes.OK:
            raise InvalidResponse(f"status {response.status_code}")
        file = self._api.extract_image(response.content)
        check_png(file, request.size)
        return file


@contextlib.asynccontextmanager
async def connect(base_url: str, api: Api, *, timeout_s: float) -> AsyncIterator[HttpTarget]:
    """Connects to a server at a loopback address; `timeout_s` limits each request.

    Raises `ValueError` for any other address.
    """
    url = httpx2.URL(base_url)
    if not _is_loopback(url.host):
        raise ValueError(
            f"{base_url} is not a loopback address: load may only be sent to this machine, such as http://127.0.0.1:8000"
        )
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    # Proxies from the environment must not be used for loopback.
    async with httpx2.AsyncClient(base_url=url, timeout=timeout_s, limits=limits, trust_env=False) as client:
        yield HttpTarget(client, api)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
