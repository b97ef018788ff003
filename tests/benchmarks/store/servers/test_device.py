"""The simulated device counts the rows of its calls and the images that it decodes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.store.servers.control import Control
from benchmarks.store.servers.device import ControlledPipeline
from tests.harness.engine.worker_harness import make_params


def test_rows_and_images_are_counted(tmp_path: Path) -> None:
    control = Control.create(tmp_path / "device")
    pipeline = ControlledPipeline(control)
    params = make_params(steps=3)
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))

    rows = 0
    while state.next_call is not None:
        rows += state.next_call.rows
        pipeline.advance([state], pipeline.predict([state]))
    pipeline.decode([state])

    assert rows > 0
    assert (control.rows, control.images) == (rows, 1)
