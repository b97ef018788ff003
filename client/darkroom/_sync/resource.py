# Written by `python -m scripts.sync_client` from client/darkroom/_async/resource.py: change that instead.

"""Base classes: of the groups of methods, such as `client.images`, of their `with_raw_response`, and of contexts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Concatenate, Generic, ParamSpec, TypeVar

from typing_extensions import Self

from darkroom._core.requests import Page, Request
from darkroom._sync.transport import Transport
from darkroom.results.raw import RawResponse
from darkroom.types import CallOptions

P = ParamSpec("P")
T = TypeVar("T")


class Closing:
    """A context that closes itself at the end of its block."""

    def close(self) -> None:
        """Close the connections that the context holds."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Resource:
    """A group of methods."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _items(self, page_after: Callable[[str | None], Request[Page[T]]], options: CallOptions) -> Iterator[T]:
        """Return the items of all pages, which are read as needed. `page_after` takes the cursor of a page."""
        cursor: str | None = None
        while True:
            page = self._transport.call(page_after(cursor), options)
            yield from page.data
            cursor = page.next_cursor
            if cursor is None:
                return


ResourceT = TypeVar("ResourceT", bound=Resource)


class RawResource(Generic[ResourceT]):
    """The methods of a resource, each of which returns a `RawResponse`."""

    def __init__(self, kind: type[ResourceT], transport: Transport) -> None:
        self._kind = kind
        self._transport = transport

    def on_its_own(self) -> tuple[ResourceT, Transport]:
        """Return the resource for one call, and the transport that keeps the answer."""
        transport = self._transport.for_one_call()
        return self._kind(transport), transport


def raw(
    method: Callable[Concatenate[ResourceT, P], T],
) -> Callable[Concatenate[RawResource[ResourceT], P], RawResponse[T]]:
    """Return a method of an `RawResource` that calls a method of its resource."""

    def call(raw: RawResource[ResourceT], /, *args: P.args, **kwargs: P.kwargs) -> RawResponse[T]:
        resource, transport = raw.on_its_own()
        result = method(resource, *args, **kwargs)
        assert transport.response is not None, "the call has sent a request"
        return RawResponse(transport.response, result)

    return call
