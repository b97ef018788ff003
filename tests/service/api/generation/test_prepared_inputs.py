"""A request is judged before its image is decoded. It is refused only if no image could make it valid."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Final

import pytest

from pipelines.fake import INFO
from service.api.dialects.jobs.resolve import image_size, job_spec, parse_request
from service.api.generation.prepared_inputs import NO_INPUTS, Judge, PreparedInputs, judge_undecoded
from service.engine.types import Size
from service.errors import UnprocessableError

SIDES: Final = (None, 56, 64, 65, 200, 1024, 1032)
UPLOADS: Final = ((1, 1), (64, 64), (200, 90), (1024, 1024), (5000, 10))
MODEL: Final = replace(INFO, limits=replace(INFO.limits, max_pixels=256 * 256))


def judging(fields: dict[str, Any]) -> Judge:
    parsed = parse_request({"prompt": "x", "image": "QUJD", **fields})
    return lambda upload, inputs: job_spec(parsed, MODEL, None, image_size(parsed, MODEL, upload), inputs)


def is_refused(judge: Judge, upload: Size) -> bool:
    try:
        judge(upload, PreparedInputs("0" * 64))
    except UnprocessableError:
        return True
    return False


@pytest.mark.parametrize(("width", "height"), [*itertools.product(SIDES, SIDES)])
def test_a_size_is_refused_undecoded_only_where_every_image_would_be(width: int | None, height: int | None) -> None:
    given = {name: side for name, side in (("width", width), ("height", height)) if side is not None}
    judge = judging(given)
    try:
        judge_undecoded(judge, MODEL, mask=False, strength=None)
    except UnprocessableError:
        assert all(is_refused(judge, upload) for upload in UPLOADS)
    else:
        assert not all(is_refused(judge, upload) for upload in UPLOADS)


def test_a_mask_and_a_strength_are_judged_along() -> None:
    judged: list[PreparedInputs] = []
    judge_undecoded(lambda _, inputs: judged.append(inputs), INFO, mask=True, strength=0.3)
    (inputs,) = judged
    assert (inputs.image is not None, inputs.mask is not None, inputs.strength) == (True, True, 0.3)
    assert (inputs.pixels, inputs.files) == (NO_INPUTS.pixels, NO_INPUTS.files)
