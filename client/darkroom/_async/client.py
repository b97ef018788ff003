"""The client: its options, its connections, and the groups of methods."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import httpx2
from typing_extensions import Self, Unpack

from darkroom._async.images import AsyncImages, AsyncImagesWithRawResponse
from darkroom._async.jobs import AsyncJobs, AsyncJobsWithRawResponse
from darkroom._async.keys import AsyncKeys, AsyncKeysWithRawResponse
from darkroom._async.resource import AsyncClosing, AsyncRawResource, async_raw
from darkroom._async.server import (
    AsyncModels,
    AsyncModelsWithRawResponse,
    AsyncServerInfo,
    AsyncUploads,
    AsyncUploadsWithRawResponse,
)
from darkroom._async.transport import AsyncTransport
from darkroom._async.webhooks import AsyncWebhooks, AsyncWebhooksWithRawResponse
from darkroom._core.options import LIMITS, WITHOUT_PROXY, OnRetry, resolve_options
from darkroom.results.server import Capabilities
from darkroom.types import CallOptions


class AsyncDarkroom(AsyncClosing):
    """A client for one server. Its calls raise the errors of `darkroom.errors`."""

    def __init__(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int | None = None,
        default_headers: Mapping[str, str] | None = None,
        http_client: httpx2.AsyncClient | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        """Create a client.

        `base_url` is the server's address, with or without `/v1`; the default is DARKROOM_BASE_URL, or
        http://127.0.0.1:8000. `api_key` is sent to that address only; the default is DARKROOM_API_KEY. `timeout` is
        the number of seconds that each try may pass without receiving anything; the default is 600. `max_retries` is
        the number of further tries after a connection error or a status of 408, 429 or at least 500; the default is 2.
        `default_headers` are sent with every request. The client never closes an `http_client` that you pass.
        `on_retry` is called before each wait for another try. Raises `ValueError` for an invalid value.
        """
        options = resolve_options(
            base_url=base_url,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            default_headers=default_headers,
            on_retry=on_retry,
        )
        self._owns_http = http_client is None
        self._http = http_client or httpx2.AsyncClient(limits=LIMITS, mounts=WITHOUT_PROXY)
        self._transport = AsyncTransport(self._http, options, self._sleep)

    def with_options(
        self,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx2.Timeout | None = None,
        max_retries: int | None = None,
        default_headers: Mapping[str, str] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Self:
        """Return a client with these options changed that uses the same connections. Closing it does not close them."""
        current = self._transport.options
        return type(self)(
            base_url=base_url or current.base_url,
            api_key=api_key or current.api_key,
            timeout=current.timeout if timeout is None else timeout,
            max_retries=current.max_retries if max_retries is None else max_retries,
            default_headers={**current.default_headers, **(default_headers or {})},
            on_retry=on_retry or current.on_retry,
            http_client=self._http,
        )

    @property
    def base_url(self) -> str:
        """The server's address, without `/v1`."""
        return self._transport.options.base_url

    @property
    def images(self) -> AsyncImages:
        """Make images and wait for them."""
        return AsyncImages(self._transport)

    @property
    def jobs(self) -> AsyncJobs:
        """Submit durable jobs, and follow them."""
        return AsyncJobs(self._transport)

    @property
    def models(self) -> AsyncModels:
        """List the models that the server serves."""
        return AsyncModels(self._transport)

    @property
    def uploads(self) -> AsyncUploads:
        """Send images that several requests start from."""
        return AsyncUploads(self._transport)

    @property
    def keys(self) -> AsyncKeys:
        """Make, list and revoke the keys of the server, with an admin's key."""
        return AsyncKeys(self._transport)

    @property
    def webhooks(self) -> AsyncWebhooks:
        """The secret that signs the tenant's webhooks, and the deliveries of its jobs' events."""
        return AsyncWebhooks(self._transport)

    async def capabilities(self, **options: Unpack[CallOptions]) -> Capabilities:
        """Return what can be asked of the server: its models, samplers, sizes, limits and features."""
        return await AsyncServerInfo(self._transport).capabilities(**options)

    @property
    def with_raw_response(self) -> AsyncDarkroomWithRawResponse:
        """The client's methods, each of which returns status and headers beside the result."""
        return AsyncDarkroomWithRawResponse(AsyncServerInfo, self._transport)

    async def close(self) -> None:
        """Close the connections, unless they belong to an `http_client` that was passed."""
        if self._owns_http:
            await self._http.aclose()

    async def _sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def __repr__(self) -> str:
        options = self._transport.options
        key = None if options.api_key is None else "***"
        return f"{type(self).__name__}(base_url={options.base_url!r}, api_key={key!r})"


class AsyncDarkroomWithRawResponse(AsyncRawResource[AsyncServerInfo]):
    """`client.with_raw_response`: the client's methods, each of which returns a `RawResponse`."""

    capabilities = async_raw(AsyncServerInfo.capabilities)

    @property
    def images(self) -> AsyncImagesWithRawResponse:
        return AsyncImages(self._transport).with_raw_response

    @property
    def jobs(self) -> AsyncJobsWithRawResponse:
        return AsyncJobs(self._transport).with_raw_response

    @property
    def models(self) -> AsyncModelsWithRawResponse:
        return AsyncModels(self._transport).with_raw_response

    @property
    def keys(self) -> AsyncKeysWithRawResponse:
        return AsyncKeys(self._transport).with_raw_response

    @property
    def uploads(self) -> AsyncUploadsWithRawResponse:
        return AsyncUploads(self._transport).with_raw_response

    @property
    def webhooks(self) -> AsyncWebhooksWithRawResponse:
        return AsyncWebhooks(self._transport).with_raw_response
