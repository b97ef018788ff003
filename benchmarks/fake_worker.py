"""A worker process whose device only waits, so that one machine can show how several devices are kept at work.

`benchmarks.devices` starts it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from pipelines.fake import FakePipeline
from pipelines.progress import Report
from service.engine.config import WorkerConfig
from service.engine.worker import __main__ as worker_main
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.models.opening import OpenedModels, open_loaded

CALL_S: Final = 0.02
"""Seconds of a UNet call without rows."""
ROW_S: Final = 0.008
"""Seconds that each row adds to a call."""
DECODE_S: Final = 0.02


def command() -> Sequence[str]:
    """Returns the command that starts the worker, to which the engine adds its own options."""
    return [sys.executable, "-m", "benchmarks.fake_worker"]


def _open(_: WorkerConfig, __: Report) -> OpenedModels:
    return open_loaded(FakePipeline(call_s=CALL_S, row_s=ROW_S, decode_s=DECODE_S), PLAIN_DEVICE)


if __name__ == "__main__":
    sys.exit(worker_main.main(sys.argv[1:], _open))
