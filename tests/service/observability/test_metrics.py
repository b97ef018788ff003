"""The metrics follow the worker's messages, and docs/metrics.md describes exactly the metrics that are exposed."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.fake import INFO
from pipelines.interface import CostKey, Stage
from service.engine.messages import (
    Beat,
    CallDone,
    Canceled,
    Failed,
    Finished,
    FromWorker,
    Loading,
    Ready,
    Retried,
)
from service.engine.types import Timings
from service.observability.metrics import Metrics
from tests.harness.paths import ROOT


def make_call(width: int, seconds: float, *, rows: int = 1, padded_rows: int = 0, update_s: float = 0.0) -> CallDone:
    key = CostKey(Stage.DENOISE, width, 128)
    return CallDone(key=key, rows=rows, padded_rows=padded_rows, images=1, seconds=seconds, update_s=update_s)


def exposed(*messages: FromWorker) -> list[str]:
    """Returns the lines of the exposition after these messages."""
    metrics = Metrics()
    for message in messages:
        metrics.observe(message)
    return metrics.exposition(ready=False, backlog_s=3.5).decode().splitlines()


def test_every_message_of_the_worker_is_counted() -> None:
    lines = exposed(
        Loading("loading"),
        Ready((INFO,)),
        Beat(active=2, waiting=5, oldest_s=7.0, memory_bytes=4096),
        make_call(128, 0.021, rows=6, padded_rows=2, update_s=0.001),
        CallDone(key=CostKey(Stage.TEXT), rows=2, padded_rows=0, images=1, seconds=0.125),
        CallDone(key=CostKey(Stage.DECODE, 128, 128), rows=2, padded_rows=0, images=2, seconds=0.25),
        Retried("a"),
        Finished("a", 1, 1, b"123", Timings(0.5, 0.0, 1.0, 0.25, 2.0, 0.75)),
        Failed("b", "out_of_memory", "..."),
        Canceled("c"),
    )

    assert set(lines) >= {
        'darkroom_worker_memory_bytes{worker="0"} 4096.0',
        'darkroom_queue_images{worker="0"} 5.0',
        'darkroom_queue_oldest_seconds{worker="0"} 7.0',
        "darkroom_backlog_seconds 3.5",
        'darkroom_active_images{worker="0"} 2.0',
        "darkroom_unet_call_rows_sum 6.0",
        "darkroom_padded_rows_total 2.0",
        "darkroom_sampler_update_seconds_sum 0.001",
        "darkroom_encode_seconds_sum 0.125",
        'darkroom_decode_seconds_sum{size="128x128"} 0.25',
        "darkroom_queue_wait_seconds_sum 0.5",
        "darkroom_first_step_seconds_sum 0.75",
        'darkroom_images_total{outcome="succeeded"} 1.0',
        'darkroom_images_total{outcome="failed"} 1.0',
        'darkroom_images_total{outcome="canceled"} 1.0',
        "darkroom_images_retried_total 1.0",
        "darkroom_ready 0.0",
    }


def test_the_first_worker_is_not_a_restart() -> None:
    first = [Loading("loading"), Loading("warming")]

    assert 'darkroom_worker_restarts_total{worker="0"} 0.0' in exposed(*first)
    assert 'darkroom_worker_restarts_total{worker="0"} 1.0' in exposed(*first, Loading("loading"))


def test_each_device_has_a_worker_of_its_own() -> None:
    metrics = Metrics()
    for worker in (0, 1):
        metrics.observe(Loading("loading"), worker)
        metrics.observe(Beat(active=worker, waiting=2 + worker), worker)
    lines = metrics.exposition(ready=True, backlog_s=0.0).decode().splitlines()

    assert set(lines) >= {
        f'darkroom_{name}{{worker="{worker}"}} {value}'
        for name, worker, value in [
            ("worker_restarts_total", 0, 0.0),
            ("worker_restarts_total", 1, 0.0),
            ("active_images", 1, 1.0),
            ("queue_images", 0, 2.0),
            ("queue_images", 1, 3.0),
        ]
    }


def test_labels_hold_trained_sizes_and_powers_of_two() -> None:
    lines = exposed(
        Ready((INFO,)),
        make_call(128, 0.02, rows=6),
        make_call(136, 0.01),
        make_call(144, 0.03),
    )

    assert 'darkroom_unet_call_seconds_sum{rows="8",size="128x128"} 0.02' in lines
    assert 'darkroom_unet_call_seconds_sum{rows="1",size="other"} 0.04' in lines


def test_the_page_on_metrics_names_exactly_the_exposed_metrics() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    types = re.findall(r"^# TYPE (\S+)", "\n".join(exposed()), re.MULTILINE)

    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    exposed_here = {name for name in types if not name.endswith("_created")}
    # prometheus_client reads a process's metrics from /proc, which only Linux has.
    elsewhere = {name for name in named if name.startswith("process_")} - exposed_here
    assert len(named) > 10
    assert sorted(named) == sorted(exposed_here | elsewhere)
    assert not elsewhere or not Path("/proc/self/stat").exists()
