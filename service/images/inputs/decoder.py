"""Decodes callers' files in processes of their own, a few at a time. Runs in the server's process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import structlog
from PIL import Image

from service.images.inputs.decoding import UnreadableImageError, decode
from service.images.inputs.raster import MODES, Raster

_COMMAND: Final = (sys.executable, "-m", "service.images.inputs.limited_process")
_KEPT_VARIABLES: Final = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")
"""The only environment variables that a decoder gets, since others may hold secrets."""
_MAX_HEADER_BYTES: Final = 200
_UNDECODABLE: Final = "The file cannot be decoded."

_log = structlog.get_logger("darkroom.inputs")


class Decoder(Protocol):
    async def decode(self, file: bytes) -> Raster:
        """Returns the file's pixels. Raises `UnreadableImageError`."""


class DirectDecoder:
    """Decodes in the server's own process, for trusted files."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels

    async def decode(self, file: bytes) -> Raster:
        return decode(file, max_pixels=self._max_pixels)


class LimitedDecoder:
    """Decodes each file in a new process with limits. One that does not end in time is killed."""

    def __init__(
        self, max_pixels: int, *, processes: int, timeout_s: float = 30.0, command: Sequence[str] = _COMMAND
    ) -> None:
        self._max_pixels = max_pixels
        self._turns = asyncio.Semaphore(processes)
        self._timeout_s = timeout_s
        self._command = command

    async def decode(self, file: bytes) -> Raster:
        async with self._turns:
            answer = await self._run(file)
        return await asyncio.get_running_loop().run_in_executor(None, _read, answer, self._max_pixels)

    async def _run(self, file: bytes) -> bytes:
        transport, exchange = await asyncio.get_running_loop().subprocess_exec(
            lambda: _Exchange(file, _MAX_HEADER_BYTES + len("RGBA") * self._max_pixels),
            *self._command,
            str(self._max_pixels),
            str(len(file)),
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await exchange.answered
        except TimeoutError:
            raise UnreadableImageError("Decoding the image takes too long.") from None
        finally:
            transport.close()  # Closes the pipes and kills a process that has not ended.
            await asyncio.shield(exchange.exited)
        if status := transport.get_returncode():
            _log.warning("a decoder of an upload ended early", status=status)
        return answer


class _Exchange(asyncio.SubprocessProtocol):
    """Sends a file to a process, and collects its answer.

    `asyncio.subprocess.Process` does not work here: its `wait()` also waits for the pipes, and so for ever once an
    answer that is longer than its buffer is left unread.
    """

    def __init__(self, file: bytes, max_bytes: int) -> None:
        """An answer of more than `max_bytes` counts as empty."""
        self._file = file
        self._max_bytes = max_bytes
        self._answer = bytearray()
        loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[bytes] = loop.create_future()
        """The answer, once the process has ended and closed its output, or has sent too much."""
        self.exited: asyncio.Future[None] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        stdin = transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)
        stdin.write(self._file)
        stdin.close()  # This waits until the file is written.

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._answer += data
        if len(self._answer) > self._max_bytes:
            self._answer.clear()
            self._end(b"")

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(bytes(self._answer))

    def _end(self, answer: bytes) -> None:
        if not self.answered.done():
            self.answered.set_result(answer)


def _read(answer: bytes, max_pixels: int) -> Raster:
    """Reads a decoder's answer. It comes from a process that a hostile file may have taken over, so it is checked."""
    header, _, pixels = answer.partition(b"\n") if b"\n" in answer[:_MAX_HEADER_BYTES] else (b"", b"", b"")
    match header.decode("ascii", "replace").split(" ", 1):
        case ["refused", sentence] if sentence.isprintable():
            raise UnreadableImageError(sentence)
        case ["ok", described]:
            raster = _raster(described.split(" "), pixels, max_pixels)
            if raster is not None:
                return raster
    raise UnreadableImageError(_UNDECODABLE)


def _raster(described: list[str], pixels: bytes, max_pixels: int) -> Raster | None:
    if len(described) != 3 or described[0] not in MODES or not all(each.isdecimal() for each in described[1:]):
        return None
    mode, width, height = described[0], int(described[1]), int(described[2])
    if not 0 < width * height <= max_pixels or len(pixels) != width * height * len(mode):
        return None
    return Raster(Image.frombytes(mode, (width, height), pixels))
