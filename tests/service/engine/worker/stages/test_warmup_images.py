"""The warm-up measures encodes of images, and gives one to models that need an image to start from."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from pipelines.fake import INFO, FakeInput
from pipelines.interface import CostKey, InputPixels, Stage
from pipelines.params import GenerationParams
from tests.service.engine.worker.warming import DECODE, DENOISE, ROWS, CountingPipeline, counts, seconds, warm


class CountingInputs(CountingPipeline):
    """Counts its encodes of images, too."""

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        self.calls[CostKey(Stage.INPUT, params[0].width, params[0].height, model=INFO.name), len(params)] += 1
        return super().encode_inputs(params, pixels, tiled=tiled)


class FullEncoder(CountingPipeline):
    """Has no memory for the encode of a single image."""

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[FakeInput]:
        raise MemoryError


def test_encodes_of_images_are_measured_for_each_size() -> None:
    table = warm(CountingPipeline())

    for size in INFO.sizes:
        assert seconds(table, CostKey(Stage.INPUT, *size, model=INFO.name)).keys() == {1, 2}


def test_a_model_that_takes_no_images_encodes_none() -> None:
    images, texts = CountingInputs(), CountingInputs()
    texts.info = dataclasses.replace(INFO, input_kinds=())
    for pipeline in (images, texts):
        warm(pipeline)

    assert counts(images, Stage.INPUT) == {1, 2}
    assert counts(texts, Stage.INPUT) == set()


def test_a_model_whose_encoder_fails_is_served_nevertheless() -> None:
    table = warm(FullEncoder())

    assert seconds(table, DECODE).keys() == {1, 2, 4}


@pytest.mark.parametrize(
    "needs", [{"reads_kept": True}, {"reads_image": True, "input_kinds": ("image",)}], ids=["kept", "image"]
)
def test_a_model_that_makes_nothing_without_an_image_is_given_one(needs: dict[str, Any]) -> None:
    pipeline = CountingPipeline()
    pipeline.info = dataclasses.replace(INFO, **needs)
    table = warm(pipeline)

    assert seconds(table, DENOISE).keys() == set(ROWS)
