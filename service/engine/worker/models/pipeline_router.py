"""Routes each call of one pipeline to the resident model of its images.

Runs in the worker's process. The images of one call share their model, which is part of the batch key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines import work_plan
from pipelines.interface import (
    EncodedInput,
    InputPixels,
    PendingAdvance,
    PendingDecode,
    Pipeline,
    RgbImage,
    TextKey,
    WorkPlan,
)
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.snapshots import PendingSnapshot
from service.engine.worker.models.pool import ModelPool


class PipelineRouter:
    """Implements `interface.Pipeline` with the pipelines of a pool."""

    def __init__(self, pool: ModelPool) -> None:
        self._pool = pool

    @property
    def info(self) -> ModelInfo:
        """The default model. All models of a worker are padded and decoded alike."""
        return self._pool.info("")

    def plan(self, params: GenerationParams, *, upcast: bool = False) -> WorkPlan:
        """Returns the plan of an image, including its refiner's, even if their models are not resident."""
        rest = params.after_switch
        part = self._plan_part(params, upcast=upcast)
        return part if rest is None else part.followed_by(self.plan(rest))

    def _plan_part(self, params: GenerationParams, *, upcast: bool) -> WorkPlan:
        if self._pool.is_resident(params.model):
            return self._pool.pipeline(params.model).plan(params, upcast=upcast)
        return work_plan.plan(self._pool.info(params.model), params, upcast=upcast)

    def texts(self, params: GenerationParams) -> tuple[TextKey, ...]:
        if self._pool.is_resident(params.model):
            return self._pool.pipeline(params.model).texts(params)
        return work_plan.texts(self._pool.info(params.model), params)

    def encode(self, texts: Sequence[TextKey]) -> list[Any]:
        return self._pool.pipeline(texts[0].model).encode(texts)

    def encode_inputs(
        self, params: Sequence[GenerationParams], pixels: Sequence[Sequence[InputPixels]], *, tiled: bool = False
    ) -> Sequence[EncodedInput]:
        return self._pool.pipeline(params[0].model).encode_inputs(params, pixels, tiled=tiled)

    def begin(self, params: GenerationParams, conditionings: Sequence[Any], encoded: EncodedInput | None = None) -> Any:
        return self._pool.pipeline(params.model).begin(params, conditionings, encoded)

    def begin_upcast(self, params: GenerationParams, encoded: EncodedInput | None = None) -> Any:
        return self._pool.pipeline(params.model).begin_upcast(params, encoded)

    def snapshot(self, state: Any) -> PendingSnapshot | None:
        return self._of([state]).snapshot(state)

    def resume(
        self, params: GenerationParams, conditionings: Sequence[Any], encoded: EncodedInput | None, snapshot: bytes
    ) -> Any:
        return self._pool.pipeline(params.model).resume(params, conditionings, encoded, snapshot)

    def hand_over(self, state: Any) -> EncodedInput:
        return self._of([state]).hand_over(state)

    def upscale(self, states: Sequence[Any], *, tiled: bool = False) -> None:
        self._of(states).upscale(states, tiled=tiled)

    def predict(self, states: Sequence[Any]) -> list[Any]:
        return self._of(states).predict(states)

    def advance(self, states: Sequence[Any], outputs: Sequence[Any]) -> PendingAdvance:
        return self._of(states).advance(states, outputs)

    def start_decode(self, states: Sequence[Any], *, wide: bool = False, tiled: bool = False) -> PendingDecode:
        return self._of(states).start_decode(states, wide=wide, tiled=tiled)

    def decode(self, states: Sequence[Any]) -> list[RgbImage]:
        return self._of(states).decode(states)

    def preview(self, state: Any) -> RgbImage:
        return self._of([state]).preview(state)

    def _of(self, states: Sequence[Any]) -> Pipeline[Any, Any, Any]:
        return self._pool.pipeline(states[0].params.model)
