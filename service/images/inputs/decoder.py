"""Decodes callers' files in processes of their own, a few at a time. Runs in the server's process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from typing import Final, Protocol

import structlog
from PIL import Image

from service.images.inputs.decoding import UnreadableImageError, decode
from service.images.inputs.raster import MODES, Raster

_COMMAND: Final = (sys.executable, "-m", "service.images.inputs.limited_process")
_KEPT_VARIABLES: Final = ("LD_LIBRARY_PATH", "PATH", "PYTHONPATH")
"""A decoder sees nothing else of the environment, which may hold secrets."""
_MAX_HEADER_BYTES: Final = 200
_CHUNK_BYTES: Final = 1 << 20
_UNDECODABLE: Final = "The file cannot be decoded."

_log = structlog.get_logger("darkroom.inputs")


class Decoder(Protocol):
    async def decode(self, file: bytes) -> Raster:
        """Returns the file's pixels. Raises `UnreadableImageError`."""


class DirectDecoder:
    """Decodes in the caller's own process, for files of one's own."""

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
        process = await asyncio.create_subprocess_exec(
            *self._command,
            str(self._max_pixels),
            str(len(file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await _exchange(process, file, _MAX_HEADER_BYTES + len("RGBA") * self._max_pixels)
        except TimeoutError:
            raise UnreadableImageError("Decoding the image takes too long.") from None
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        if process.returncode:
            _log.warning("a decoder of an upload ended early", status=process.returncode)
        return answer


async def _exchange(process: asyncio.subprocess.Process, file: bytes, max_bytes: int) -> bytes:
    """Hands the file over, and returns what is answered; an answer of more than `max_bytes` is none."""
    assert process.stdin is not None
    assert process.stdout is not None
    sending = asyncio.create_task(_send(process.stdin, file))
    try:
        answer = bytearray()
        while chunk := await process.stdout.read(_CHUNK_BYTES):
            answer += chunk
            if len(answer) > max_bytes:
                return b""
        await process.wait()
        return bytes(answer)
    finally:
        sending.cancel()
        await asyncio.wait({sending})


async def _send(stdin: asyncio.StreamWriter, file: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # The decoder has seen enough.
        stdin.write(file)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


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
