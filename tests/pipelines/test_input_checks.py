"""Torch-free code checks the inputs of an image, and its refusal names the parameter at fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipelines.errors import InvalidParamsError
from pipelines.fake import INFO
from pipelines.input_checks import check, steps_made
from pipelines.model_info import ModelInfo
from tests.harness.engine.uploads import DECODED, ENLARGED, IMAGE, MASK
from tests.harness.engine.worker_harness import make_params

PARAMS = make_params(steps=10, width=96)
TEXT_ONLY = replace(INFO, input_kinds=())
REPAINTS = replace(INFO, reads_kept=True)
EDITS = replace(INFO, reads_image=True, input_kinds=("image",))


@pytest.mark.parametrize(
    ("info", "changes"),
    [
        (INFO, {}),
        (TEXT_ONLY, {}),
        (INFO, {"image": IMAGE, "strength": 0.1}),
        (INFO, {"image": IMAGE, "mask": MASK}),
        (REPAINTS, {"image": IMAGE, "mask": MASK, "strength": 0.6}),
        (EDITS, {"image": IMAGE}),
        (INFO, {"hires": ENLARGED}),
        (INFO, {"hires": DECODED}),
        (INFO, {"strength": 0.0}),  # without an image it is not used
    ],
)
def test_what_can_be_made_passes(info: ModelInfo, changes: dict[str, Any]) -> None:
    check(info, replace(PARAMS, **changes))


@pytest.mark.parametrize(
    ("info", "changes", "field"),
    [
        (TEXT_ONLY, {"image": IMAGE}, "image"),
        (replace(INFO, input_kinds=("image",)), {"image": IMAGE, "mask": MASK}, "mask"),
        (INFO, {"mask": MASK}, "mask"),
        (REPAINTS, {}, "image"),
        (REPAINTS, {"image": IMAGE}, "mask"),
        (EDITS, {}, "image"),
        (EDITS, {"hires": ENLARGED}, "image"),
        (EDITS, {"image": IMAGE, "hires": ENLARGED}, "hires"),
        (EDITS, {"image": IMAGE, "mask": MASK}, "mask"),
        (EDITS, {"image": IMAGE, "strength": 0.5}, "strength"),
        (INFO, {"image": IMAGE, "strength": 0.0}, "strength"),
        (INFO, {"image": IMAGE, "strength": 1.1}, "strength"),
        (INFO, {"image": IMAGE, "strength": float("nan")}, "strength"),
        (INFO, {"image": IMAGE, "strength": 0.09}, "strength"),
        (INFO, {"image": IMAGE, "hires": ENLARGED}, "hires"),
        (INFO, {"hires": replace(ENLARGED, upscaler="unheard of")}, "hires"),
        (INFO, {"hires": replace(ENLARGED, steps=0)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, steps=INFO.limits.max_steps + 1)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, strength=0.2)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, width=65)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, width=104)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, width=8)}, "hires"),
        (INFO, {"hires": replace(ENLARGED, width=96)}, "hires"),
    ],
)
def test_what_cannot_be_made_is_refused(info: ModelInfo, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParamsError) as refusal:
        check(info, replace(PARAMS, **changes))

    assert refusal.value.field == field


def test_steps_are_rounded_down_as_diffusers_does() -> None:
    assert [steps_made(25, strength) for strength in (0.03, 0.04, 0.5, 0.99, 1.0)] == [0, 1, 12, 24, 25]
