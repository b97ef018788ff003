"""Prices images in device seconds, with the loads that they cause.

Runs in the server's process.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from pipelines import work_plan
from pipelines.interface import WorkPlan
from pipelines.params import GenerationParams
from service.engine.frontend.device_worker import DeviceWorker
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.models.served_models import ServedModels


class Prices:
    """The prices of one engine's images: means over the devices that serve or have served, over all before any has."""

    def __init__(self, served: ServedModels, workers: Sequence[DeviceWorker], in_flight: InFlightImages) -> None:
        self._served = served
        self._workers = workers
        self._in_flight = in_flight

    def plans(self, images: Sequence[GenerationParams]) -> list[WorkPlan]:
        """Returns the work of each image. Raises what `ServedModels.find` raises."""
        return [work_plan.plan_whole(self._served.find, params) for params in images]

    def prices_s(self, plans: Sequence[WorkPlan]) -> list[float]:
        """Returns the price of each image. The first one of a model that must be loaded pays for the load, unless an
        image in flight does."""
        workers = self._measured_workers
        paid = set(self._in_flight.models)
        prices_s = []
        for plan in plans:
            load_s = sum(min(worker.load_s(model) for worker in workers) for model in {*plan.models} - paid)
            paid.update(plan.models)
            prices_s.append(statistics.fmean(worker.cost.price_s(plan) for worker in workers) + load_s)
        return prices_s

    def least_s(self, images: Sequence[GenerationParams]) -> float:
        """Returns the seconds that these images take at least, with all devices to themselves."""
        plans, workers = self.plans(images), self._measured_workers
        longest_s = max(min(worker.cost.solo_s(plan) + worker.loads_s(plan) for worker in workers) for plan in plans)
        return max(longest_s, sum(self.prices_s(plans)) / len(workers))

    @property
    def _measured_workers(self) -> Sequence[DeviceWorker]:
        """The workers that have ever served; all of them where none has."""
        return [worker for worker in self._workers if worker.ready] or self._workers
