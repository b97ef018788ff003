"""Compares the calls of an image with its plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipelines.interface import UPSCALE, Pipeline, finish_or_raise
from pipelines.params import GenerationParams
from tests.harness.engine import uploads


def assert_keeps_to_its_plan(pipeline: Pipeline[Any, Any, Any], params: GenerationParams) -> None:
    """Makes the image and asserts that every call from its beginning to finished latents is the one that was planned,
    and that its steps are counted to the planned number."""
    plan = pipeline.plan(params)
    state = pipeline.begin(params, pipeline.encode(pipeline.texts(params)), uploads.encode(pipeline, params))
    steps = [state.step]
    for call in plan.calls[2 if params.pixels else 1 : -1]:
        for calls_left in range(call.calls_left, 0, -1):
            assert state.next_call == replace(call, calls_left=calls_left)
            if call.key.phase == UPSCALE:
                pipeline.upscale([state])
            else:
                finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
            steps.append(state.step)
    assert state.next_call is None
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, plan.steps)
