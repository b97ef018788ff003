"""One server on this machine, asked over HTTP. Sends jobs and checks answers; when to send them is not known here."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import AsyncIterator

import httpx2

from benchmarks.load.apis import Api, WrongAnswer, check_png
from benchmarks.workload import Job


class HttpTarget:
    """A server whose jobs are sent through connections that are kept open, as many as there are jobs."""

    def __init__(self, client: httpx2.AsyncClient, api: Api) -> None:
        self._client = client
        self._api = api

    async def send(self, job: Job) -> bytes:
        """The image's PNG file. Raises `WrongAnswer`, also where no answer comes in time."""
        try:
            response = await self._client.post(self._api.path, json=self._api.body(job))
        except httpx2.RequestError as error:
            raise WrongAnswer(type(error).__name__) from error
        if response.status_code != httpx2.codes.OK:
            raise WrongAnswer(f"status {response.status_code}")
        file = self._api.image(response.content)
        check_png(file, job.size)
        return file


@contextlib.asynccontextmanager
async def connect(base_url: str, api: Api, *, timeout_s: float) -> AsyncIterator[HttpTarget]:
    """A target at a loopback address; `timeout_s` bounds one answer. Raises `ValueError` for any other address."""
    url = httpx2.URL(base_url)
    if not _is_loopback(url.host):
        raise ValueError(f"{base_url} is not on this machine, and load is for nobody else's")
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    # The proxies of the environment are not for loopback.
    async with httpx2.AsyncClient(base_url=url, timeout=timeout_s, limits=limits, trust_env=False) as client:
        yield HttpTarget(client, api)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
