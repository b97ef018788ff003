"""Turns a submitted image into one that the scheduler can order: its plan, its texts and its virtual deadline.

Runs in the worker's process.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Generic

from pipelines.interface import Pipeline, StateT
from service.engine.config import WorkerConfig
from service.engine.costs.cost_model import CostModel
from service.engine.messages import Submit
from service.engine.scheduling.image import ScheduledImage
from service.engine.types import Priority


class Intake(Generic[StateT]):
    """Knows what an image costs, and how long its caller is expected to wait for it."""

    def __init__(
        self,
        pipeline: Pipeline[Any, StateT, Any],
        cost: CostModel,
        config: WorkerConfig,
        clock: Callable[[], float],
        *,
        load_s: Callable[[str], float],
    ) -> None:
        """`load_s` returns the seconds until the model of this name could be resident."""
        self._pipeline = pipeline
        self._cost = cost
        self._clock = clock
        self._load_s = load_s
        self._deadline_factors = {
            Priority.INTERACTIVE: config.interactive_deadline_factor,
            Priority.BATCH: config.batch_deadline_factor,
        }

    def image_of(self, submit: Submit) -> ScheduledImage[StateT]:
        """Returns the image, whose solo time includes the loads of its models."""
        arrived_s = self._clock() - submit.waited_s
        plan = self._pipeline.plan(submit.params)
        solo_s = sum(map(self._load_s, submit.params.models)) + self._cost.solo_s(plan)
        return ScheduledImage(
            id=submit.image_id,
            params=submit.params,
            plan=plan,
            texts=self._pipeline.texts(submit.params),
            tenant=submit.tenant,
            isolation=submit.isolation,
            previews=submit.previews,
            arrived_s=arrived_s,
            virtual_deadline_s=arrived_s + self._deadline_factors[submit.priority] * solo_s,
            solo_s=solo_s,
            load_s=self._load_s(submit.params.model),
            max_load_wait_s=math.inf if submit.max_load_wait_s is None else submit.max_load_wait_s,
            deadline_s=math.inf if submit.deadline_s is None else arrived_s + submit.deadline_s,
        )
