"""A worker process that serves `pipelines.fake`, for tests of the code that talks to a worker.

Its command is `[sys.executable, "-m", "tests.harness.engine.fake_worker", "--call-s", "0.01"]`; the engine
adds the rest.
"""

from __future__ import annotations

import argparse
import sys

from pipelines.errors import ModelLoadError
from pipelines.fake import FakePipeline
from pipelines.progress import Report
from service.engine.config import WorkerConfig
from service.engine.worker import __main__ as worker_main
from service.engine.worker.device import PLAIN_DEVICE, Device
from tests.harness.engine.faulty_pipeline import FaultyPipeline, Trigger


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--call-s", type=float, default=0.0, help="seconds of a UNet call")
    parser.add_argument("--row-s", type=float, default=0.0, help="seconds that each row adds to a UNet call")
    parser.add_argument("--decode-s", type=float, default=0.0, help="seconds of a decode")
    parser.add_argument("--fault", type=Trigger.parse, help="stage:kind:step at which poison prompts fail")
    parser.add_argument("--unloadable", help="message with which loading the model fails")
    parser.add_argument("--unloadable-on", help="device on which it fails; without it, on every one")
    own, rest = parser.parse_known_args()

    def load(config: WorkerConfig, _: Report) -> tuple[FakePipeline, Device]:
        if own.unloadable is not None and own.unloadable_on in (None, config.device):
            raise ModelLoadError(own.unloadable)
        if own.fault is not None:
            pipeline: FakePipeline = FaultyPipeline(own.fault, call_s=own.call_s)
        else:
            pipeline = FakePipeline(call_s=own.call_s, row_s=own.row_s, decode_s=own.decode_s)
        return pipeline, PLAIN_DEVICE

    return worker_main.main(rest, load)


if __name__ == "__main__":
    sys.exit(main())
