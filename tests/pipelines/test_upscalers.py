"""Upscalers are found by their names and by those of AUTOMATIC1111's web UI."""

from __future__ import annotations

import pytest

from pipelines.errors import InvalidParamsError
from pipelines.upscalers import UPSCALERS, Upscaler, find


@pytest.mark.parametrize("upscaler", UPSCALERS.values(), ids=lambda upscaler: upscaler.name)
def test_every_name_of_an_upscaler_finds_it(upscaler: Upscaler) -> None:
    assert find(upscaler.name) is find(upscaler.label.upper()) is find(upscaler.name.replace("-", "_")) is upscaler


def test_the_error_for_an_unknown_name_lists_the_known_ones_and_does_not_repeat_it() -> None:
    with pytest.raises(InvalidParamsError) as refusal:
        find("<script>")

    assert refusal.value.field == "hires"
    assert all(name in str(refusal.value) for name in UPSCALERS)
    assert "script" not in str(refusal.value)
