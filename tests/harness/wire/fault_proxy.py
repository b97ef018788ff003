"""A proxy before a real server that loses, delays, cuts and refuses, so that tests see what clients do about it.

Each connection carries one request, which the next of the planned faults befalls; without one it is passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends before the server sees the request."""


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """The server answers, and nothing of that arrives."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The request waits for so many seconds, and goes no further if its client gives up meanwhile."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends when this text has arrived, or within the body where it does not come."""

    after: bytes


@dataclass(frozen=True, slots=True)
class Refuse:
    """The proxy answers for itself."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)


Fault: TypeAlias = Drop | LoseAnswer | Delay | Cut | Refuse


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """A request that arrived at the proxy."""

    line: str
    """Method and path."""
    headers: Mapping[str, str]
    """The headers by their names in lower case."""


class FaultProxy:
    """A running proxy. `plan` and `requests` may be used from the test's thread."""

    def __init__(self, server_port: int) -> None:
        self.requests: list[SeenRequest] = []
        self.url = ""
        self._server_port = server_port
        self._faults: list[Fault] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def plan(self, *faults: Fault) -> None:
        """Let these befall the next requests, in order. Forget the requests that were seen."""
        self._faults = list(faults)
        self.requests.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)  # asyncio alone would forget the task of a client that has gone.
        task.add_done_callback(self._tasks.discard)
        fault: Fault | None = None
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(_HEAD_END)
            seen = _seen(head)
            body = await reader.readexactly(int(seen.headers.get("content-length", 0)))
            self.requests.append(seen)
            fault = self._faults.pop(0) if self._faults else None
            if not isinstance(fault, Delay) or await _outlasted(reader, fault.seconds):
                await self._answer(_alone(head) + body, fault, writer)
        if isinstance(fault, Drop | LoseAnswer | Cut):
            writer.transport.abort()
        else:
            writer.close()

    async def _answer(self, request: bytes, fault: Fault | None, writer: asyncio.StreamWriter) -> None:
        match fault:
            case Drop():
                return
            case Refuse(status, headers):
                lines = [f"HTTP/1.1 {status} Refused", "Content-Length: 0", "Connection: close"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join(lines).encode() + _HEAD_END)
                await writer.drain()
            case _:
                await self._pass_on(request, fault, writer)

    async def _pass_on(self, request: bytes, fault: Fault | None, writer: asyncio.StreamWriter) -> None:
        upstream, sending = await asyncio.open_connection("127.0.0.1", self._server_port)
        arrived = b""
        try:
            sending.write(request)
            while piece := await upstream.read(4096):
                arrived += piece
                if isinstance(fault, LoseAnswer):
                    continue
                if isinstance(fault, Cut) and (end := arrived.find(fault.after)) >= 0:
                    end += len(fault.after)
                    writer.write(piece[: len(piece) - (len(arrived) - end)])
                    await writer.drain()
                    return
                writer.write(piece)
                await writer.drain()
        finally:
            sending.transport.abort()


async def _outlasted(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Wait. Return whether the client is still there."""
    try:
        return await asyncio.wait_for(reader.read(1), seconds) != b""
    except TimeoutError:
        return True


def _seen(head: bytes) -> SeenRequest:
    line, *fields = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    headers = dict(each.split(": ", 1) for each in fields)
    return SeenRequest(line.rsplit(" ", 1)[0], {name.lower(): value for name, value in headers.items()})


def _alone(head: bytes) -> bytes:
    """The head of a request after which the server closes the connection."""
    line, *fields = head.removesuffix(_HEAD_END).split(b"\r\n")
    kept = [each for each in fields if not each.lower().startswith(b"connection:")]
    return b"\r\n".join([line, *kept, b"Connection: close"]) + _HEAD_END


@contextlib.contextmanager
def faulty(server_port: int) -> Iterator[FaultProxy]:
    """Run a proxy before the server at a port of this machine, in a thread of its own."""
    proxy, started = FaultProxy(server_port), threading.Event()
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        await stopping.wait()
        server.close()

    # Whatever is left of connections at the end, `asyncio.run` cancels.
    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        stop[0]()
        thread.join()
