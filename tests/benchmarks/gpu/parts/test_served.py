"""The ways of serving without a compiler."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.gpu.parts import served


def test_graphs_need_a_gpu() -> None:
    assert list(served.ways("cpu")) == ["eager"]
    assert served.ways("cuda") == served.WAYS


def test_8_bit_floats_need_a_gpu_that_has_them() -> None:
    assert served.ways("cuda", (8, 6)) == served.WAYS
    assert list(served.ways("cuda", (9, 0))) == ["eager", "graphs", "graphs, fp8"]
    assert served.capability("cpu") == (0, 0)


@pytest.mark.parametrize("way", [*served.WAYS, *served.FP8])
def test_the_pipeline_and_the_worker_are_set_alike(way: str) -> None:
    mode = served.run_mode(way, exact=True, max_rows=8)
    config = served.worker_config(way, "model", "cpu", max_rows=8)

    chosen = dataclasses.asdict(mode)
    assert chosen["exact"]
    for field, value in {**served.WAYS, **served.FP8}[way].items():
        assert chosen[field] == getattr(config, field) == value
    assert mode.max_rows == config.max_rows == 8
