"""Timing network calls. That the tables are full is tested with the whole day, in test_main.py."""

from __future__ import annotations

import pytest
import torch

from benchmarks.gpu.parts import calls
from benchmarks.gpu.plan import Settings
from pipelines.fake import FakePipeline

SETTINGS = Settings(device="cpu", tiny=True, work="", output="", limit_s=0.0)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_images_are_begun_for_exactly_the_rows(rows: int) -> None:
    states = calls.begin(FakePipeline(), rows)

    assert sum(state.next_call.rows for state in states) == rows


@pytest.mark.parametrize(
    ("error", "cell"),
    [(torch.OutOfMemoryError("of 80 GiB"), "out of memory"), (RuntimeError("no capture\nbecause"), "no capture")],
)
def test_a_call_that_fails_has_a_reason_in_place_of_a_time(error: RuntimeError, cell: str) -> None:
    def fail() -> object:
        raise error

    assert calls._ms(SETTINGS, lambda call: call, fail) == cell


def test_a_call_that_succeeds_has_a_time() -> None:
    assert isinstance(calls._ms(SETTINGS, lambda call: call, lambda: None), float)
