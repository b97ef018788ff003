"""Connections are admitted up to limits in all and for each address."""

from __future__ import annotations

import ipaddress
from typing import Final

import pytest

from service.server.connections.admission import Admission, Place
from service.server.connections.limits import LOOPBACK, EdgeLimits

NEVER: Final = 1e9
PROXY: Final = ipaddress.ip_network("10.1.0.0/16")


def admission(*, most: int = 4, by_address: int = 2, reserve: int = 20) -> Admission:
    limits = EdgeLimits(
        header_timeout_s=NEVER,
        body_timeout_s=NEVER,
        write_timeout_s=NEVER,
        min_read_bytes_per_s=0,
        max_connections=most,
        max_connections_per_address=by_address,
        uncounted=(*LOOPBACK, PROXY),
        reserve=reserve,
    )
    return Admission(limits)


def places(admitting: Admission, *addresses: str | None) -> list[str]:
    """The fate of one connection from each address, in this order."""
    entered = [admitting.enter(address) for address in addresses]
    return ["none" if each is None else "reserve" if each.is_reserve else "served" for each in entered]


def test_connections_beyond_the_bound_are_of_the_reserve_and_then_find_no_place() -> None:
    assert places(admission(most=2, reserve=1), *[None] * 4) == ["served", "served", "reserve", "none"]


def test_one_address_cannot_take_all_places() -> None:
    admitting = admission()
    assert places(admitting, *["198.51.100.1"] * 3) == ["served", "served", "reserve"]
    assert places(admitting, "198.51.100.2") == ["served"]


def test_one_address_cannot_take_all_of_the_reserve() -> None:
    admitting = admission(most=1)
    taken = places(admitting, *["198.51.100.1"] * 20)
    assert taken.count("reserve") < 20
    assert taken[-1] == "none"
    assert places(admitting, "198.51.100.2") == ["reserve"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", None])
def test_this_machine_proxies_and_unix_sockets_may_take_all_places(address: str | None) -> None:
    assert places(admission(), *[address] * 4) == ["served"] * 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("198.51.100.1", "::ffff:198.51.100.1"),
        ("fe80::1%eth0", "fe80::2%eth0"),
        ("not an address", "not an address"),
    ],
)
def test_addresses_of_one_client_count_together(first: str, second: str) -> None:
    assert places(admission(by_address=1), first, second) == ["served", "reserve"]


def test_networks_of_ipv6_count_apart() -> None:
    assert places(admission(by_address=1), "2001:db8:0:1::1", "2001:db8:0:2::1") == ["served", "served"]


def test_a_place_is_free_again_once_its_connection_has_left() -> None:
    admitting = admission(most=1, reserve=0)
    place = admitting.enter("198.51.100.1")
    assert place == Place("198.51.100.1", is_reserve=False)
    assert admitting.enter("198.51.100.2") is None
    admitting.leave(place)
    assert admitting.enter("198.51.100.2") is not None
