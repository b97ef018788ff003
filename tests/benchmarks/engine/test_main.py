"""The table of the comparison with diffusers."""

from __future__ import annotations

import pytest

from benchmarks.engine.__main__ import CONCURRENCY, _print


def test_the_table_has_the_medians_of_the_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    measurements = {
        "engine": {n: [1.0, 1.0, 1.0] for n in CONCURRENCY},
        "diffusers": {n: [2.0, 9.0, 3.0] for n in CONCURRENCY},
    }
    _print(measurements, {"overhead": [0.03], "update": [0.02], "previews": [0.01]})
    output = capsys.readouterr().out
    assert output.count("3.00x") == len(CONCURRENCY)
    assert "outside the networks, 8 images: 3.0% of the loop's time" in output
