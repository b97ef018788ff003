"""A worker process that serves `pipelines.fake`, for tests of the code that talks to a worker.

Its command is `[sys.executable, "-m", "tests.harness.engine.fake_worker", "--call-s", "0.01"]`; the engine
adds the rest.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pipelines.errors import ModelLoadError
from pipelines.fake import INFO, FakePipeline
from pipelines.model_info import ModelInfo
from pipelines.progress import Report
from service.engine.config import WorkerConfig
from service.engine.worker import __main__ as worker_main
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.models.entry import DescribedModel
from service.engine.worker.models.opening import OpenedModels
from tests.harness.engine.faulty_pipeline import FaultyPipeline, Trigger

MODEL_BYTES = 1 << 30
"""The memory that each model is said to take."""
_REPORT_S = 0.01
"""Interval at which a load reports."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--call-s", type=float, default=0.0, help="seconds of a UNet call")
    parser.add_argument("--row-s", type=float, default=0.0, help="seconds that each row adds to a UNet call")
    parser.add_argument("--decode-s", type=float, default=0.0, help="seconds of a decode")
    parser.add_argument("--fault", type=Trigger.parse, help="stage:kind:step at which poison prompts fail")
    parser.add_argument("--unloadable", help="message with which loading the model fails")
    parser.add_argument("--unloadable-on", help="device on which it fails; without it, on every one")
    parser.add_argument("--load-s", type=float, default=0.0, help="seconds of a load")
    parser.add_argument("--broken", action="append", default=[], help="a model that cannot be loaded")
    own, rest = parser.parse_known_args()

    def make(info: ModelInfo) -> FakePipeline:
        if own.fault is not None:
            return FaultyPipeline(own.fault, call_s=own.call_s, info=info)
        return FakePipeline(call_s=own.call_s, row_s=own.row_s, decode_s=own.decode_s, info=info)

    def open_models(config: WorkerConfig, _: Report) -> OpenedModels:
        if own.unloadable is not None and own.unloadable_on in (None, config.device):
            raise ModelLoadError(own.unloadable)
        names = [config.model_name or INFO.name, *(model.name for model in config.models)]
        models = [DescribedModel(name, replace(INFO, name=name), MODEL_BYTES) for name in names]
        return OpenedModels(models, FakeStore(make, own.load_s, own.broken), PLAIN_DEVICE)

    return worker_main.main(rest, open_models)


class FakeStore:
    """A `ModelStore` of fake pipelines."""

    def __init__(self, make: Callable[[ModelInfo], FakePipeline], load_s: float, broken: Sequence[str]) -> None:
        self._make = make
        self._load_s = load_s
        self._broken = broken

    def load(self, name: str, report: Report) -> FakePipeline:
        end_s = time.monotonic() + self._load_s
        while time.monotonic() < end_s:
            report()
            time.sleep(_REPORT_S)
        if name in self._broken:
            raise ModelLoadError(f"/models/{name} is broken")
        return self._make(replace(INFO, name=name))

    def to_host(self, name: str, pipeline: object) -> None:
        """Does nothing: no model is kept on the host."""

    def forget(self, name: str) -> None:
        """Does nothing: nothing else is kept of a model."""

    def free(self) -> None:
        """Does nothing: there is nothing to free."""


if __name__ == "__main__":
    sys.exit(main())
