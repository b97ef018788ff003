"""Rows are conditioned by both encoders and by sizes. No text is zeros, and the empty text is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.sdxl.conditioner import time_ids
from pipelines.interface import TextKey
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import PARAMS

SIZED = replace(PARAMS, width=1216, height=832)


@pytest.fixture(scope="module")
def base(zoo: Callable[[str], Path]) -> LatentDiffusion:
    return tiny_model.load(zoo("sdxl"))


def test_heights_come_before_widths_and_tops_before_lefts() -> None:
    params = replace(SIZED, original_size=(640, 480), crop=(30, 20), target_size=(1024, 768))

    assert time_ids(params, 1, takes_score=False) == [[480, 640, 20, 30, 768, 1024]]


@pytest.mark.parametrize("rows", [1, 2])
def test_sizes_that_are_not_given_are_the_images_own_for_every_row(rows: int) -> None:
    assert time_ids(SIZED, rows, takes_score=False) == [[832, 1216, 0, 0, 832, 1216]] * rows


def test_the_refiner_is_told_a_high_score_for_the_prompt_and_a_low_one_for_the_negative_prompt() -> None:
    assert time_ids(SIZED, 2, takes_score=True) == [[832, 1216, 0, 0, 2.5], [832, 1216, 0, 0, 6.0]]
    assert time_ids(SIZED, 1, takes_score=True) == [[832, 1216, 0, 0, 6.0]]
    assert [scored[-1] for scored in time_ids(SIZED, 3, takes_score=True)] == [2.5, 2.5, 6.0]


def test_no_text_is_zeros_in_its_place_among_other_texts(base: LatentDiffusion) -> None:
    keys = [TextKey(base.info.name, text) for text in ("a fox", None, "")]

    fox, none, empty = base.encode(keys)

    assert not none.hidden.any()
    assert not none.added["text_embeds"].any()
    assert none.hidden.shape == fox.hidden.shape
    for text, alone in (("a fox", fox), ("", empty)):
        (expected,) = base.encode([TextKey(base.info.name, text)])
        torch.testing.assert_close(alone.hidden, expected.hidden)
        torch.testing.assert_close(alone.added["text_embeds"], expected.added["text_embeds"])


def test_no_text_alone_is_zeros_too(base: LatentDiffusion) -> None:
    (none,) = base.encode([TextKey(base.info.name, None)])

    assert none.hidden.shape == (1, base.info.prompt_tokens, base.info.text_features)
    assert not none.hidden.any()


def test_a_missing_negative_prompt_is_no_text_and_an_empty_one_is_encoded(base: LatentDiffusion) -> None:
    missing, empty = (base.texts(replace(PARAMS, negative_prompt=negative))[0].text for negative in (None, ""))

    assert (missing, empty) == (None, "")
