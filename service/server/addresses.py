"""Opens listening sockets on internet addresses and on paths. Knows no engine and no HTTP."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

BACKLOG: Final = 2048
"""Connections that the kernel holds until they are accepted. The kernel has a bound of its own (`somaxconn`)."""


@contextlib.contextmanager
def listening(hosts: Sequence[str], port: int) -> Iterator[list[socket.socket]]:
    """Yields a socket for each address of `hosts`, all with one port. Raises `OSError`, naming the address.

    A name stands for all of its addresses, and "::" for every address of the machine, those of IPv4 included.
    """
    with contextlib.ExitStack() as opened:
        bound: list[socket.socket] = []
        if not hosts:
            raise OSError("there is no address to listen on")
        for host in hosts:
            addresses = _addresses(host)
            for address in addresses:
                try:
                    bound.append(opened.enter_context(_bound(address, port, dual_stack="0.0.0.0" not in hosts)))  # noqa: S104 -- compared with
                except OSError as error:
                    # A name may have an address of a family that the machine does not use.
                    is_spare = error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and address != addresses[0]
                    if not is_spare:
                        raise OSError(f"{host}:{port}: {error.strerror}") from error
                port = bound[0].getsockname()[1]
        yield bound


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(f"{host}: {error.strerror}") from error
    # IPv4 first: every machine has it, so only IPv6 may be missing.
    in_order = sorted(found, key=lambda each: each[0] != socket.AF_INET)
    return list(dict.fromkeys(str(each[4][0]) for each in in_order))


def _bound(address: str, port: int, *, dual_stack: bool) -> socket.socket:
    is_every = ":" in address and ipaddress.ip_address(address.partition("%")[0]).is_unspecified
    return socket.create_server(
        (address, port),
        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
        backlog=BACKLOG,
        dualstack_ipv6=is_every and dual_stack and socket.has_dualstack_ipv6(),
    )


@contextlib.contextmanager
def listening_at(path: Path, mode: int) -> Iterator[socket.socket]:
    """Yields a Unix socket with the permissions `mode`, which decide who may connect, and removes it at the end.

    Removes a socket that a killed server has left there. Raises `OSError`, naming the path, where a server listens or
    something else is there.
    """
    try:
        with _alone_in(path.parent), contextlib.ExitStack() as until_bound:
            _remove_stale(path)
            bound = until_bound.enter_context(socket.socket(socket.AF_UNIX))
            _bind(bound, path, mode)
            bound.listen(BACKLOG)
            until_bound.pop_all()
            made = path.stat()
    except OSError as error:
        raise OSError(f"{path}: {error.strerror or error}") from error
    try:
        yield bound
    finally:
        bound.close()
        with contextlib.suppress(OSError):
            if os.path.samestat(path.stat(), made):  # Otherwise another server has taken the path.
                path.unlink()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Excludes other starting servers, which could take this one's new socket for a stale one."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise OSError(errno.EEXIST, "exists, and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise OSError(errno.EADDRINUSE, "another server listens there")


def _bind(unbound: socket.socket, path: Path, mode: int) -> None:
    before = os.umask(0o777 & ~mode)  # Changing the permissions afterwards would leave them too wide for a moment.
    try:
        unbound.bind(str(path))
    finally:
        os.umask(before)
