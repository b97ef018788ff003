"""Real passes through a fresh model: no caller waits for what a device does once a shape, nor meets a broken model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from pipelines.errors import ModelLoadError
from pipelines.interface import ConditioningT, ModelInfo, OutputT, Pipeline, StateT
from pipelines.params import GenerationParams
from service.engine.isolation import Isolation

_STEPS: Final = 2
_PICTURES: Final = (1, 2, 4)
_BUDGET_S: Final = 20.0
"""A model too slow for all the shapes serves without the rest of them warm."""


def warm(
    pipeline: Pipeline[ConditioningT, StateT, OutputT],
    isolation: Isolation,
    *,
    max_rows: int,
    report: Callable[[], object],
    clock: Callable[[], float],
) -> None:
    """Make pictures of each trained size, alone and in company; `report` is called before each pass.

    Raises `ModelLoadError` where the model cannot make a single picture; company that is too large is not tried again.
    """
    until_s = clock() + _BUDGET_S
    for pictures in _PICTURES:
        for width, height in pipeline.info.sizes:
            if 2 * pictures > max_rows or clock() >= until_s:
                return
            report()
            fault = isolation.run_once(partial(_make, pipeline, _params(pipeline.info, width, height), pictures))
            if fault is not None and pictures == 1:
                raise ModelLoadError(f"The model loads but makes no picture of {width}x{height}: {fault.message}")
            if fault is not None:
                return


def _make(pipeline: Pipeline[ConditioningT, StateT, OutputT], params: GenerationParams, pictures: int) -> None:
    (text,) = pipeline.encode([params.prompt])
    states = [pipeline.begin(params, text, text) for _ in range(pictures)]
    while any(state.demand for state in states):
        for state, output in zip(states, pipeline.predict(states), strict=True):
            pipeline.advance(state, output)
    pipeline.decode(states)


def _params(info: ModelInfo, width: int, height: int) -> GenerationParams:
    return GenerationParams(
        prompt="",
        width=width,
        height=height,
        steps=_STEPS,
        guidance_scale=2.0,
        seed=0,
        sampler=info.default_sampler,
    )
