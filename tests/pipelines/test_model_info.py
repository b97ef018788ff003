"""A model's description says how many rows of padding a call gets, and which inputs the model needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.fake import INFO
from pipelines.model_info import ModelInfo


@pytest.mark.parametrize(
    ("row_sizes", "rows", "padded"),
    [((), 3, 0), ((16,), 3, 13), ((1, 2, 4, 8), 3, 1), ((1, 2, 4, 8), 8, 0), ((1, 2, 4, 8), 9, 0)],
)
def test_a_call_is_padded_to_the_next_of_the_models_row_sizes(
    row_sizes: tuple[int, ...], rows: int, padded: int
) -> None:
    assert replace(INFO, row_sizes=row_sizes).padded_rows(rows) == padded


@pytest.mark.parametrize(
    ("model", "required"),
    [
        (INFO, ()),
        (replace(INFO, reads_kept=True), ("image", "mask")),
        (replace(INFO, reads_image=True), ("image",)),
    ],
)
def test_a_unet_that_reads_inputs_needs_them(model: ModelInfo, required: tuple[str, ...]) -> None:
    assert model.required_inputs == required
