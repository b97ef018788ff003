"""The base of the groups of methods, such as `client.images`, and of their `with_raw_response`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Concatenate, Generic, ParamSpec, TypeVar

from darkroom._async.transport import AsyncTransport
from darkroom.results.raw import RawResponse

P = ParamSpec("P")
T = TypeVar("T")


class AsyncResource:
    """A group of methods."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport


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
