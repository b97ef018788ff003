"""Both sides of a comparison make the same images, and their times are compared."""

from __future__ import annotations

from pathlib import Path

from benchmarks.engine import sides
from pipelines.fake import FakePipeline


def test_every_image_has_its_own_seed_and_the_models_defaults() -> None:
    model = FakePipeline().info
    params = sides.images_of(model, 3, steps=20)
    assert [one.seed for one in params] == [0, 1, 2]
    assert {(one.width, one.height) for one in params} == {model.sizes[0]}
    assert {one.guidance_scale for one in params} == {model.default_guidance_scale}


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    assert sides.ratio([1.0, 1.0, 2.0], [2.0, 9.0, 6.0]) == 3.0


def test_diffusers_makes_the_images(model_folder: Path) -> None:
    pipeline = sides.load_diffusers(model_folder)
    assert sides.diffusers_seconds(pipeline, sides.images_of(FakePipeline().info, 2, steps=1)) > 0
