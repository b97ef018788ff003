"""A server in the test's event loop that answers each path as it is told."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

GONE = b""
"""Closes the connection instead of answering."""
THEN_GONE = b"\0"
"""At the end of an answer, closes the connection after it."""
_TURNS = 10
"""Turns of the event loop after which a connection that was accepted last is served."""


class Answering:
    """`answers` are those of each path, in turn; the last one is repeated."""

    def __init__(self, answers: Mapping[str, Sequence[bytes]]) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.held = asyncio.Event()
        """Answers wait while this is not set."""
        self.held.set()
        self._count = asyncio.Condition()
        self._writers: list[asyncio.StreamWriter] = []
        self._answers = {path: list(each) for path, each in answers.items()}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                path, lengths = head.split()[1], head.lower().partition("content-length: ")[2]
                await reader.readexactly(int(lengths.split()[0]) if lengths else 0)
                async with self._count:
                    self.asked.append(path)
                    self._count.notify_all()
                await self.held.wait()
                answers = self._answers[path]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if answer == GONE:
                    break
                writer.write(answer.removesuffix(THEN_GONE))
                if answer.endswith(THEN_GONE):
                    break
        writer.close()

    @property
    def connections(self) -> int:
        """Connections that were opened so far."""
        return len(self._writers)

    async def wait_for(self, requests: int) -> None:
        """Waits until so many requests have come."""
        async with self._count:
            await self._count.wait_for(lambda: len(self.asked) >= requests)

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


def answer(status: int, body: str = "", **headers: str) -> bytes:
    fields = {"content-length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Some Reason\r\n{lines}\r\n{body}".encode()


@contextlib.asynccontextmanager
async def answering(**answers: Sequence[bytes]) -> AsyncIterator[Answering]:
    """`answers` are by the path's name: `jobs` are those of /jobs."""
    server = Answering({f"/{name}": each for name, each in answers.items()})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await server.close()
