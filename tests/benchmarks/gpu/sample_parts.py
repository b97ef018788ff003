"""Parts that end in different ways, for tests of the process that runs a part."""

from __future__ import annotations

import os
import signal
import threading

from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record


def succeed(settings: Settings, record: Record) -> None:
    record.fact("device", settings.device)


def fail(settings: Settings, record: Record) -> None:
    record.fact("done before", 1)
    raise ValueError(f"no {settings.device} here")


def hang(settings: Settings, record: Record) -> None:
    record.fact("done before", settings.limit_s)
    threading.Event().wait()


def die(settings: Settings, record: Record) -> None:
    record.fact("device", settings.device)
    os.kill(os.getpid(), signal.SIGKILL)
