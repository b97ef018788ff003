"""The dtype of a model follows from what was asked for, what the device can do, and how the model was saved."""

from __future__ import annotations

import pytest

from pipelines.checkpoints.dtypes import DTYPES, DtypeChoice
from pipelines.errors import ModelLoadError

BOTH = frozenset({"float16", "bfloat16"})


@pytest.mark.parametrize(
    ("saved", "half_dtypes", "expected"),
    [
        ({}, BOTH, "float16"),
        ({"torch_dtype": "float16"}, BOTH, "float16"),
        ({"torch_dtype": "bfloat16"}, BOTH, "bfloat16"),
        ({"dtype": "torch.bfloat16"}, BOTH, "bfloat16"),
        ({"torch_dtype": "bfloat16"}, frozenset({"float16"}), "float16"),
        ({"torch_dtype": "bfloat16"}, frozenset(), "float32"),
    ],
)
def test_a_model_saved_in_bfloat16_is_served_in_it_where_the_device_computes_in_it(
    saved: dict[str, str], half_dtypes: frozenset[str], expected: str
) -> None:
    assert DtypeChoice("auto", half_dtypes).resolve([{}, saved]) == expected


@pytest.mark.parametrize("asked", DTYPES)
def test_what_was_asked_for_is_taken(asked: str) -> None:
    assert DtypeChoice(asked, BOTH).resolve([{"dtype": "bfloat16"}]) == asked


def test_an_unknown_dtype_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="auto or one of float32, float16, bfloat16"):
        DtypeChoice("int8")
