"""The facade's end of the process border: a worker process, the messages to and from it, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
from collections.abc import Sequence
from typing import Final, Self

import msgspec

from service.engine.config import WorkerConfig
from service.engine.messages import LENGTH, MAX_MESSAGE_BYTES, STACKS_SIGNAL, FromWorker, ToWorker, pack

_EXIT_S: Final = 10.0
"""For the process to end by itself once its socket is closed."""
_STACKS_S: Final = 0.5
"""For it to write down where its threads stand."""


class WorkerProcess:
    """A running worker. Whoever spawns one calls `end` or `kill` at last."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._decoder = msgspec.msgpack.Decoder(FromWorker)

    @classmethod
    async def spawn(cls, command: Sequence[str], config: WorkerConfig) -> Self:
        """Run the command with `--fd` and `--config` added. Raises OSError where it cannot be run."""
        ours, theirs = socket.socketpair()
        arguments = [*command, "--fd", str(theirs.fileno()), "--config", msgspec.json.encode(config).decode()]
        try:
            # A session of its own keeps the terminal's Ctrl-C from it: it is drained, or ends with its facade.
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork takes milliseconds; the command is our own
                arguments, stdin=subprocess.DEVNULL, pass_fds=(theirs.fileno(),), start_new_session=True
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def receive(self) -> FromWorker | None:
        """The next message; None when the worker is gone or speaks nonsense."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MAX_MESSAGE_BYTES:
                return None
            message: FromWorker = self._decoder.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError):
            return None
        return message

    def send(self, message: ToWorker) -> None:
        """Never blocks; a message to a worker that is gone is lost."""
        self._writer.write(pack(message))

    async def end(self) -> int:
        """Close the connection, on which a worker exits; one that does not is killed. The exit status."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        try:
            return await asyncio.to_thread(self._process.wait, _EXIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return await asyncio.to_thread(self._process.wait)

    async def abort(self) -> None:
        """End a worker that is stuck; one that still takes signals tells first where, on its standard error."""
        self._process.send_signal(STACKS_SIGNAL)
        await asyncio.sleep(_STACKS_S)
        self._process.kill()

    async def kill(self) -> int:
        """The exit status of a worker that may be stuck."""
        self._process.kill()
        return await self.end()
