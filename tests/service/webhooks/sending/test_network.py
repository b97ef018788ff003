"""A name is resolved once, every address of it is checked, and the connection goes to the checked address."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from httpcore2 import AsyncMockBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError

from service.webhooks.sending.network import ForbiddenAddressError, GuardedNetwork, Resolve, SystemResolver
from tests.service.webhooks.sending.test_addresses import INNER, PUBLIC


class RecordedNetwork(AsyncMockBackend):
    """Remembers to which addresses connections are made. Those in `down` cannot be reached."""

    def __init__(self, down: Sequence[str] = ()) -> None:
        super().__init__([])
        self.connected: list[str] = []
        self._down = down

    async def connect_tcp(self, host: str, port: int, *args: object, **kwargs: object) -> AsyncNetworkStream:
        self.connected.append(host)
        if host in self._down:
            raise ConnectError
        return await AsyncNetworkBackend.connect_tcp.__get__(self)(host, port) if port < 0 else AsyncNetworkStream()


def resolving(*answers: Sequence[str]) -> Resolve:
    """A resolver that gives one answer after the other, as a name server that rebinds does."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0)

    return resolve


@pytest.mark.parametrize("kind", INNER)
async def test_no_connection_is_made_to_an_inner_address_whatever_else_the_name_has(kind: str) -> None:
    for inner in INNER[kind]:
        for addresses in ([inner], [PUBLIC[0], inner], [inner, PUBLIC[0]]):
            network = RecordedNetwork()
            guarded = GuardedNetwork(resolving(addresses), may_be_inner=False, network=network)
            with pytest.raises(ForbiddenAddressError):
                await guarded.connect_tcp("rebinding.test", 443)
            assert network.connected == []


@pytest.mark.parametrize("address", ["fe80::1%eth0", "", "127.1"], ids=repr)
async def test_what_a_resolver_should_not_answer_counts_as_inner(address: str) -> None:
    guarded = GuardedNetwork(resolving([address]), may_be_inner=False, network=RecordedNetwork())
    with pytest.raises(ForbiddenAddressError):
        await guarded.connect_tcp("odd.test", 443)


async def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_asked_once() -> None:
    network = RecordedNetwork()
    guarded = GuardedNetwork(resolving([PUBLIC[0]], ["127.0.0.1"]), may_be_inner=False, network=network)

    await guarded.connect_tcp("rebinding.test", 443)
    assert network.connected == [PUBLIC[0]]

    with pytest.raises(ForbiddenAddressError):  # The next delivery asks anew, and is checked anew.
        await guarded.connect_tcp("rebinding.test", 443)


async def test_another_address_of_the_host_is_tried_where_one_cannot_be_reached() -> None:
    network = RecordedNetwork(down=PUBLIC[:2])
    await GuardedNetwork(resolving(PUBLIC[:3]), may_be_inner=False, network=network).connect_tcp("hooks.test", 443)
    assert network.connected == list(PUBLIC[:3])

    network = RecordedNetwork(down=PUBLIC)
    with pytest.raises(ConnectError):
        await GuardedNetwork(resolving(PUBLIC), may_be_inner=False, network=network).connect_tcp("hooks.test", 443)


async def test_a_host_that_the_operator_has_named_may_be_anywhere() -> None:
    network = RecordedNetwork()
    await GuardedNetwork(resolving(["127.0.0.1"]), may_be_inner=True, network=network).connect_tcp("inner.test", 80)
    assert network.connected == ["127.0.0.1"]


async def test_the_systems_resolver_reads_addresses_and_names_that_are_none() -> None:
    assert await SystemResolver()("127.0.0.1", 80) == ["127.0.0.1"]
    with pytest.raises(OSError, match=r".+"):
        await SystemResolver()("x" * 64, 80)


async def test_a_name_server_that_hangs_holds_up_no_other_question_and_not_for_ever_many() -> None:
    released = threading.Event()

    def ask(host: str, port: int) -> Sequence[str]:
        if host == "slow.test":
            released.wait(60)
        return ["1.1.1.1"]

    resolver = SystemResolver(ask)
    hanging = [asyncio.ensure_future(resolver("slow.test", 443)) for _ in range(100)]
    await asyncio.sleep(0)

    assert await resolver("quick.test", 443) == ["1.1.1.1"]
    for each in hanging:
        each.cancel()
    more = [asyncio.ensure_future(resolver("slow.test", 443)) for _ in range(100)]
    refused, _ = await asyncio.wait(more, return_when=asyncio.FIRST_COMPLETED)
    assert all(isinstance(each.exception(), OSError) for each in refused)

    released.set()
    await asyncio.wait(more)
    assert await resolver("slow.test", 443) == ["1.1.1.1"]
