"""A worker process whose device only waits, for as long as the memory that it shares with the benchmark says.

    python -m benchmarks.store.servers.device CONTROL_FILE

`benchmarks.store.servers.serve` starts it, and the engine adds its own options.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.store.servers.control import Control
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import RgbImage
from pipelines.progress import Report
from service.engine.config import WorkerConfig
from service.engine.worker import __main__ as worker_main
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.models.opening import OpenedModels, open_loaded


class ControlledPipeline(FakePipeline):
    """A fake pipeline whose speed `control` sets."""

    def __init__(self, control: Control) -> None:
        # With a second a row, the seconds that it is told to sleep are the number of rows.
        super().__init__(row_s=1.0, sleep=control.spend)
        self._control = control

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        images = super().decode(states)
        self._control.count_images(len(images))
        return images


def main(control_file: str, options: Sequence[str]) -> int:
    """Serves the simulated device. `options` are the engine's. Returns the exit status."""

    def opening(_: WorkerConfig, __: Report) -> OpenedModels:
        return open_loaded(ControlledPipeline(Control(Path(control_file))), PLAIN_DEVICE)

    return worker_main.main(options, opening)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
