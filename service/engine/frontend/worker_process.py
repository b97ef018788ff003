"""The frontend's end of the process border: a worker process, the messages to and from it, and its end.

Runs in the server's process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from service.engine.call_record import CallRecord, make_region
from service.engine.config import WorkerConfig
from service.engine.messages import LENGTH, MAX_MESSAGE_BYTES, STACKS_SIGNAL, FromWorker, ToWorker, pack

_EXIT_S: Final = 10.0
"""Time in which the process must exit after its connection was closed."""
_STACKS_S: Final = 0.5
"""Time in which a stuck process may write the stacks of its threads."""


class WorkerProcess:
    """A running worker. The caller of `spawn` must call `end` or `kill` at last."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        record: CallRecord,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._record = record
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.msgpack.Decoder(FromWorker)

    @classmethod
    async def spawn(cls, command: Sequence[str], config: WorkerConfig) -> Self:
        """Runs the command with `--fd`, `--record-fd` and `--config` added. Raises OSError where it cannot be run."""
        ours, theirs = socket.socketpair()
        region = make_region()
        descriptors = (theirs.fileno(), region)
        options = ["--fd", str(theirs.fileno()), "--record-fd", str(region)]
        arguments = [*command, *options, "--config", msgspec.json.encode(config).decode()]
        try:
            # In a session of its own the worker does not get the terminal's Ctrl-C; the frontend drains or ends it.
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork takes milliseconds; the command is our own
                arguments, stdin=subprocess.DEVNULL, pass_fds=descriptors, start_new_session=True
            )
            record = CallRecord.shared(region)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(region)
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, record, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def called_images(self) -> frozenset[str]:
        """The ids of the images whose calls were under way when the process, which has ended, ended."""
        return self._record.read()

    async def receive(self) -> FromWorker | None:
        """Returns the next message, or None when the worker is gone or breaks the protocol."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MAX_MESSAGE_BYTES:
                return None
            message: FromWorker = self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError):
            return None
        return message

    def send(self, message: ToWorker) -> None:
        """Sends without blocking. A message to a worker that is gone is dropped."""
        self._writer.write(pack(message))

    async def end(self) -> int:
        """Closes the connection, on which a worker exits, and kills a worker that does not. Returns its exit status."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        try:
            return await asyncio.to_thread(self._process.wait, _EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return await asyncio.to_thread(self._process.wait)

    async def abort(self) -> None:
        """Kills a stuck worker. One that still handles signals first writes its stacks to standard error."""
        self._process.send_signal(STACKS_SIGNAL)
        await asyncio.sleep(_STACKS_S)
        self._process.kill()

    async def kill(self) -> int:
        """Kills the worker at once. Returns its exit status."""
        self._process.kill()
        return await self.end()
