"""Public addresses are told from all others."""

from __future__ import annotations

import ipaddress

import pytest

from service.webhooks.sending.addresses import is_public

INNER = {
    "loopback": ("127.0.0.1", "127.255.255.254", "::1"),
    "unspecified": ("0.0.0.0", "0.1.2.3", "::"),
    "private": ("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd00:ec2::254"),
    "link-local": ("169.254.169.254", "fe80::1", "febf::1"),
    "shared": ("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    "clouds": ("168.63.129.16", "192.0.0.192"),
    "documentation": ("192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"),
    "benchmarks": ("198.18.0.1", "198.19.255.255"),
    "multicast": ("224.0.0.1", "239.255.255.255", "ff02::1"),
    "reserved": ("240.0.0.1", "255.255.255.255", "4000::1"),
    "mapped": ("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1"),
    "nat64": ("64:ff9b::7f00:1", "64:ff9b:1::1", "64:ff9b::808:808"),
    "6to4": ("2002:7f00:1::1", "2002:808:808::1", "192.88.99.1"),
    "teredo": ("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
    "site-local": ("fec0::1",),
}
PUBLIC = ("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::1")


@pytest.mark.parametrize("kind", INNER)
def test_an_inner_address_is_not_public(kind: str) -> None:
    assert [text for text in INNER[kind] if is_public(ipaddress.ip_address(text))] == []


def test_public_addresses_are_public() -> None:
    assert [text for text in PUBLIC if not is_public(ipaddress.ip_address(text))] == []


def test_nothing_that_python_knows_as_private_is_public() -> None:
    networks = [str(each) for each in (*ipaddress.IPv4Address("0.0.0.0")._constants._private_networks,)]  # type: ignore[attr-defined]  # the standard library's own table
    firsts = [ipaddress.ip_network(each).network_address for each in networks]
    assert firsts
    assert [each for each in firsts if is_public(each)] == []
