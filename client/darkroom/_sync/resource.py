# Written by `python -m scripts.sync_client` from client/darkroom/_async/resource.py: change that instead.

"""The base of the groups of methods, such as `client.images`, and of their `with_raw_response`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec, TypeVar

from darkroom._sync.transport import Transport
from darkroom.results.raw import RawResponse

P = ParamSpec("P")
T = TypeVar("T")


class Resource:
    """A group of methods."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


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
