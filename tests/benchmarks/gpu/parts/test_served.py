"""The ways of serving without a compiler."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.gpu.parts import served


def test_graphs_need_a_gpu() -> None:
    assert list(served.ways("cpu")) == ["eager"]
    assert served.ways("cuda") == served.WAYS


@pytest.mark.parametrize("way", served.WAYS)
def test_the_pipeline_and_the_worker_are_set_alike(way: str) -> None:
    mode = served.run_mode(way, exact=True, max_rows=8)
    config = served.worker_config(way, "model", "cpu", max_rows=8)

    chosen = dataclasses.asdict(mode)
    assert chosen["exact"]
    for field, value in served.WAYS[way].items():
        assert chosen[field] == getattr(config, field) == value
    assert mode.max_rows == config.max_rows == 8
