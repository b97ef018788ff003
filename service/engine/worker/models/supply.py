"""Has models loaded for the images that wait for them, and updates the estimated waits of these images.

Runs in the worker's process. It joins the pool of models to the scheduler; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Generic

from pipelines.interface import CostKey, Stage, StateT
from pipelines.params import GenerationParams
from service.engine import messages
from service.engine.messages import LoadModel, ModelState, PinModel, UnloadModel
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.residency import NO_DEMAND
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.channel import Channel
from service.engine.worker.fault_isolation import Fault
from service.engine.worker.models.pool import ModelPool
from service.engine.worker.models.transfers import Transfer
from service.errors import ModelLoadingError, ModelUnusableError

UNUSABLE: Final = Fault(ModelUnusableError.code, "The model cannot be loaded. The server's log says why.")
_WAITED_LONG: Final = Fault(ModelLoadingError.code, "The model was not loaded in time. Try again later.")


class ModelSupply(Generic[StateT]):
    """Supplies models to one worker's images."""

    def __init__(
        self,
        pool: ModelPool,
        scheduler: Scheduler[StateT],
        channel: Channel,
        clock: Callable[[], float],
        *,
        forget: Callable[[str], object],
    ) -> None:
        """`forget` is called with the name of a model that is no longer resident."""
        self._pool = pool
        self._scheduler = scheduler
        self._channel = channel
        self._clock = clock
        self._forget = forget
        pool.observe(self._tell)

    @property
    def loading(self) -> bool:
        """Whether a load is under way."""
        return self._pool.loading

    def receive(self, message: LoadModel | UnloadModel | PinModel) -> None:
        """Carries out the operator's wish for a model."""
        match message:
            case LoadModel():
                self._pool.ask_for(message.name)
            case UnloadModel():
                self._pool.dismiss(message.name)
            case PinModel():
                self._pool.pin(message.name, pinned=message.pinned)

    def turn(self, at_work: Iterable[str]) -> list[tuple[ScheduledImage[StateT], Fault]]:
        """Starts the next load when none is under way, and collects one that has ended. Returns the images that fail.

        `at_work` names the models of the calls that are under way, which must not be moved.
        """
        if self._pool.settled:
            return []
        demands = self._scheduler.demands()
        for name in at_work:
            demand = demands.get(name, NO_DEMAND)
            demands[name] = replace(demand, begun=demand.begun + 1)
        ended = self._pool.turn(demands)
        if ended is not None:
            self._settle(ended)
        return [*self._without_model(), *self._waited_long()]

    def fault_of(self, params: GenerationParams) -> Fault | None:
        """Returns the fault of images with these parameters if one of their models cannot be used, or else None."""
        return None if all(map(self._pool.serves, params.models)) else UNUSABLE

    def worked(self, model: str, seconds: float) -> None:
        """Counts device seconds of the model's calls."""
        self._pool.worked(model, seconds)

    def beat(self) -> None:
        """Reports the progress of the load, and updates the estimates of the waiting images."""
        self._pool.tell_progress()
        self._update_waits()

    def _settle(self, ended: Transfer) -> None:
        """Charges a load to the tenant that caused it, and reports it."""
        self._update_waits()
        if not ended.entry.resident:
            return
        self._scheduler.charge([(ended.tenant, 1)], ended.seconds)
        key = CostKey(Stage.LOAD, variant=ended.source, model=ended.entry.name)
        self._channel.send(
            messages.CallDone(key=key, rows=1, padded_rows=0, images=0, seconds=ended.seconds, sound=False)
        )

    def _update_waits(self) -> None:
        for image in self._scheduler:
            image.load_s = 0.0 if image.state is not None else self._pool.wait_s(image.model)

    def _without_model(self) -> list[tuple[ScheduledImage[StateT], Fault]]:
        """Returns the images one of whose models has turned out to be unusable."""
        faults = [(image, self.fault_of(image.params)) for image in self._scheduler]
        return [(image, fault) for image, fault in faults if fault is not None]

    def _waited_long(self) -> list[tuple[ScheduledImage[StateT], Fault]]:
        """Returns the images that have waited for their model longer than they may."""
        now_s = self._clock()
        return [
            (image, _WAITED_LONG)
            for image in self._scheduler
            if image.state is None
            and now_s > image.arrived_s + image.max_load_wait_s
            and self._pool.serves(image.model)
            and not self._pool.is_resident(image.model)
        ]

    def _tell(self, state: ModelState) -> None:
        if not self._pool.is_resident(state.name):
            self._forget(state.name)
        self._channel.send(state)
