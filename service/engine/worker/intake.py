"""Turns a submitted image into one that the scheduler can order: its plan, its texts and its virtual deadline.

Runs in the worker's process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic

from pipelines.interface import Pipeline, StateT
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.messages import Submit
from service.engine.scheduling.image import ScheduledImage
from service.engine.types import Priority
from service.engine.worker.checkpoints.checkpoints import Checkpoints


class Intake(Generic[StateT]):
    """Makes the scheduler's images from submitted ones, with their solo times and virtual deadlines."""

    def __init__(
        self,
        pipeline: Pipeline[Any, StateT, Any],
        cost: CostModel,
        checkpoints: Checkpoints[StateT],
        config: WorkerConfig,
        clock: Callable[[], float],
        *,
        load_s: Callable[[str], float],
    ) -> None:
        """`load_s` returns the seconds until the model of this name could be resident."""
        self._pipeline = pipeline
        self._cost = cost
        self._checkpoints = checkpoints
        self._clock = clock
        self._load_s = load_s
        self._deadline_factors = {
            Priority.INTERACTIVE: config.interactive_deadline_factor,
            Priority.BATCH: config.batch_deadline_factor,
        }

    def image_of(self, submit: Submit) -> ScheduledImage[StateT]:
        """Returns the image, whose solo time includes the loads of its models and all of its steps."""
        arrived_s = self._clock() - submit.waited_s
        whole = self._pipeline.plan(submit.params)
        solo_s = sum(map(self._load_s, submit.params.models)) + self._cost.solo_s(whole)
        identity = self._checkpoints.identity_of(submit)
        point = self._checkpoints.resume_point(submit, identity)
        params = submit.params if point is None else point.params
        return ScheduledImage(
            id=submit.image_id,
            params=params,
            plan=whole if params is submit.params else replace(self._pipeline.plan(params), steps=whole.steps),
            texts=self._pipeline.texts(params),
            tenant=submit.tenant,
            log_ids=submit.log_ids,
            isolation=submit.isolation,
            previews=submit.previews,
            arrived_s=arrived_s,
            virtual_deadline_s=arrived_s + self._deadline_factors[submit.priority] * solo_s,
            solo_s=solo_s,
            load_s=self._load_s(params.model),
            max_load_wait_s=math.inf if submit.max_load_wait_s is None else submit.max_load_wait_s,
            deadline_s=math.inf if submit.deadline_s is None else arrived_s + submit.deadline_s,
            put_back=submit.params.pixels if submit.params.mask is not None and submit.params.keep_unmasked else (),
            resume_point=point,
            identity=identity,
            checkpoint_every=submit.checkpoint_every,
            checkpoint_step=0 if point is None else point.step,
        )
