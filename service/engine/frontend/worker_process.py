"""The frontend's end of the process border: a worker process, the messages to and from it, and its end.

Runs in the server's process. A worker is gone when its process has exited or its connection has ended, whichever comes
first: another process may hold the socket longer than the worker lives, and a process may outlive its connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Final, Self

import msgspec

from service.child_environment import child_environment
from service.engine.call_record import CallRecord, make_region
from service.engine.config import WorkerConfig
from service.engine.messages import LENGTH, MAX_MESSAGE_BYTES, STACKS_SIGNAL, FromWorker, ToWorker, pack

_FROM_WORKER: Final = msgspec.msgpack.Decoder(FromWorker)
_EXIT_S: Final = 10.0
"""Seconds in which the process may exit by itself after its connection was closed."""
_STACKS_S: Final = 0.5
"""Seconds in which a stuck process may write the stacks of its threads."""
_UNREAD_S: Final = 1.0
"""Seconds in which the last messages of an exited process are read, where another one holds its socket."""

Kill = Callable[[int, int], None]
"""Sends a signal to each process of a group."""


class WorkerProcess:
    """A running worker. The caller of `spawn` must call `end` or `kill` in the end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        record: CallRecord,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        kill: Kill,
    ) -> None:
        self._process = process
        self._record = record
        self._reader = reader
        self._writer = writer
        self._kill = kill
        self._loop = asyncio.get_running_loop()
        self._status: asyncio.Future[int] = self._loop.create_future()
        # Not a thread of a pool: a process that never exits would keep the server's interpreter from exiting, too.
        threading.Thread(target=self._wait_for_exit, name="worker-exit", daemon=True).start()

    @classmethod
    async def spawn(cls, command: Sequence[str], config: WorkerConfig, *, kill: Kill = os.killpg) -> Self:
        """Runs the command with `--fd`, `--record-fd` and `--config` added, without the secrets of our environment.

        Raises OSError where it cannot be run.
        """
        ours, theirs = socket.socketpair()
        region = make_region()
        descriptors = (theirs.fileno(), region)
        options = ["--fd", str(theirs.fileno()), "--record-fd", str(region)]
        arguments = [*command, *options, "--config", msgspec.json.encode(config).decode()]
        try:
            # In a session of its own the worker does not get the terminal's Ctrl-C, and its children die with it.
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - a fork takes milliseconds; the command is our own
                arguments,
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,
                env=child_environment(os.environ),
            )
            record = CallRecord.shared(region)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(region)
        reader, writer = await asyncio.open_connection(sock=ours)
        return cls(process, record, reader, writer, kill)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def called_images(self) -> frozenset[str]:
        """The ids of the images whose calls were under way when the process ended. Read it only afterwards."""
        return self._record.read()

    async def receive(self) -> FromWorker | None:
        """Returns the next message, or None when the worker is gone or breaks the protocol."""
        try:
            (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
            if length > MAX_MESSAGE_BYTES:
                return None
            message: FromWorker = _FROM_WORKER.decode(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError, msgspec.MsgspecError):
            return None
        return message

    def send(self, message: ToWorker) -> None:
        """Sends without blocking. A message to a worker that is gone is dropped."""
        self._writer.write(pack(message))

    async def end(self, timeout_s: float) -> int | None:
        """Closes the connection, on which a worker exits, and kills a worker that does not.

        Returns the exit status, or None where the process is still there `timeout_s` after it was killed.
        """
        self._disconnect()
        status = await self._exit_status(min(_EXIT_S, timeout_s))
        return status if status is not None else await self.kill(timeout_s)

    async def abort(self) -> None:
        """Kills a stuck worker and ends its connection. One that still handles signals first writes its stacks to
        standard error."""
        self._process.send_signal(STACKS_SIGNAL)
        await asyncio.sleep(_STACKS_S)
        self._kill_group()
        self._disconnect()

    async def kill(self, timeout_s: float) -> int | None:
        """Kills the worker at once. Returns its exit status, or None where it is still there after `timeout_s`."""
        self._kill_group()
        self._disconnect()
        return await self._exit_status(timeout_s)

    def _kill_group(self) -> None:
        """Kills the worker and its children. They are in the session that the worker leads, and so in its group."""
        if self._process.returncode is None:  # Afterwards the number may belong to another process.
            self._signal_group()

    def _signal_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where all have exited.
            self._kill(self._process.pid, signal.SIGKILL)

    def _disconnect(self) -> None:
        """Ends the connection. Unsent and unread messages are lost: a stuck worker would never take them."""
        self._writer.transport.abort()

    async def _exit_status(self, timeout_s: float) -> int | None:
        await asyncio.wait({self._status}, timeout=timeout_s)
        return self._status.result() if self._status.done() else None

    def _wait_for_exit(self) -> None:
        """Runs in a thread of its own. Ends the children that the worker has left, which may hold its socket."""
        status = self._process.wait()
        self._signal_group()  # No other group gets its number while one of them lives, and none gets it at once.
        with contextlib.suppress(RuntimeError):  # The event loop may be closed already.
            self._loop.call_soon_threadsafe(self._exited, status)

    def _exited(self, status: int) -> None:
        self._status.set_result(status)
        self._loop.call_later(_UNREAD_S, self._disconnect)
