"""Base classes: of the groups of methods, such as `client.images`, of their `with_raw_response`, and of contexts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec, TypeVar

from typing_extensions import Self

from darkroom._async.transport import AsyncTransport
from darkroom._core.requests import Page, Request
from darkroom.results.raw import RawResponse
from darkroom.types import CallOptions

P = ParamSpec("P")
T = TypeVar("T")


class AsyncClosing:
    """A context that closes itself at the end of its block."""

    async def close(self) -> None:
        """Close the connections that the context holds."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class AsyncResource:
    """A group of methods."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def _items(
        self, page_after: Callable[[str | None], Request[Page[T]]], options: CallOptions
    ) -> AsyncIterator[T]:
        """Return the items of all pages, which are read as needed. `page_after` takes the cursor of a page."""
        cursor: str | None = None
        while True:
            page = await self._transport.call(page_after(cursor), options)
            for item in page.data:
                yield item
            cursor = page.next_cursor
            if cursor is None:
                return


ResourceT = TypeVar("ResourceT", bound=AsyncResource)


class AsyncRawResource(Generic[ResourceT]):
    """The methods of a resource, each of which returns a `RawResponse`."""

    def __init__(self, kind: type[ResourceT], transport: AsyncTransport) -> None:
        self._kind = kind
        self._transport = transport

    def on_its_own(self) -> tuple[ResourceT, AsyncTransport]:
        """Return the resource for one call, and the transport that keeps the answer."""
        transport = self._transport.for_one_call()
        return self._kind(transport), transport


def async_raw(
    method: Callable[Concatenate[ResourceT, P], Awaitable[T]],
) -> Callable[Concatenate[AsyncRawResource[ResourceT], P], Awaitable[RawResponse[T]]]:
    """Return a method of an `AsyncRawResource` that calls a method of its resource."""

    async def call(raw: AsyncRawResource[ResourceT], /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        resource, transport = raw.on_its_own()
        result = await method(resource, *args, **kwargs)
        assert transport.response is not None, "the call has sent a request"
        return RawResponse(transport.response, result)

    return call
