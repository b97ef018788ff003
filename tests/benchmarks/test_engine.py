"""The comparison with diffusers: its parameters and its table."""

from __future__ import annotations

import pytest

from benchmarks.engine import CONCURRENCY, _print, images_of
from pipelines.fake import FakePipeline


def test_every_image_has_its_own_seed_and_the_models_defaults() -> None:
    model = FakePipeline().info
    params = images_of(model, 3, steps=20)
    assert [one.seed for one in params] == [0, 1, 2]
    assert {(one.width, one.height) for one in params} == {model.sizes[0]}
    assert {one.guidance_scale for one in params} == {model.default_guidance_scale}


def test_the_ratio_is_the_median_of_the_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    measurements = {
        "engine": {n: [1.0, 1.0, 1.0] for n in CONCURRENCY},
        "diffusers": {n: [2.0, 9.0, 3.0] for n in CONCURRENCY},
    }
    _print(measurements, {"overhead": [0.03], "update": [0.02], "previews": [0.01]})
    output = capsys.readouterr().out
    assert output.count("3.00x") == len(CONCURRENCY)
    assert "outside the networks, 8 images: 3.0% of the loop's time" in output
