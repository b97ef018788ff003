"""Compares the calls of an image with its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.interface import Pipeline, finish_or_raise
from pipelines.params import GenerationParams


def assert_keeps_to_its_plan(pipeline: Pipeline[Any, Any, Any], params: GenerationParams) -> None:
    """Makes the image and asserts that every UNet call is the one that was planned."""
    _, denoise, _ = pipeline.plan(params).calls
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)))
    for calls_left in range(denoise.calls_left, 0, -1):
        assert state.next_call == replace(denoise, calls_left=calls_left)
        finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    assert state.next_call is None
