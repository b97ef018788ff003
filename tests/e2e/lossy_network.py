"""A network of the test's own, whose only address is loopback, and which loses packets."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from typing import Final

from tests.harness.programs.finding import find_program
from tests.harness.programs.running import call

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET: Final = 0x40000000
_SBIN: Final = ("/usr/sbin", "/sbin")


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Moves this thread, with the threads and processes that it starts meanwhile, to a network of their own."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(_LIBC.unshare(_CLONE_NEWNET))
        try:
            call(find_program("ip", *_SBIN), "link", "set", "lo", "mtu", "1500", "up")
            yield
        finally:
            _check(_LIBC.setns(before, _CLONE_NEWNET))
    finally:
        os.close(before)


def lose(probability: float) -> None:
    """Loses this part of all packets from now on, at random."""
    _drop("-m", "statistic", "--mode", "random", "--probability", f"{probability}")


def lose_all_of(port: int) -> None:
    """Loses every packet from and to a port, as if the cable of its owner were pulled."""
    for end in ("--source-port", "--destination-port"):
        _drop("--protocol", "tcp", end, f"{port}")


def lost_packets() -> int:
    listed = _iptables("--list", "INPUT", "--verbose", "--exact", "--numeric").splitlines()
    return sum(int(line.split()[0]) for line in listed if " DROP " in line)


def _drop(*which: str) -> None:
    _iptables("--append", "INPUT", *which, "--jump", "DROP")


def _iptables(*arguments: str) -> str:
    return call(find_program("iptables", *_SBIN), *arguments)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "the network cannot be changed")
