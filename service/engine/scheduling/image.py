"""An image while the worker has it: where it stands and what it has cost. State only: `scheduler` decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic

from pipelines.interface import NextCall, StateT
from pipelines.params import GenerationParams
from service.engine.costs import cost_model


@dataclass(slots=True, eq=False, kw_only=True)
class ScheduledImage(Generic[StateT]):
    """One image of a job, from the worker's acceptance to its terminal event. Times are the worker's clock."""

    id: str
    params: GenerationParams
    tenant: str = ""
    """Whose it is: tenants share the device equally."""
    previews: int = 0
    """How many the caller asked for."""
    arrived_s: float
    virtual_deadline_s: float
    """Virtual deadline: by it images are ordered. It moves once at most, so that waiting alone brings its turn."""
    demoted: bool = False
    """Whether it has moved."""
    solo_s: float = math.inf
    """What the image was judged to take alone, when it arrived."""
    deadline_s: float = math.inf
    """When the caller has no more use for it."""
    state_bytes: int = 0
    """What its state holds of the device's memory once it has begun."""
    state: StateT | None = None
    """None until it has begun."""
    upcast: bool = False
    """Whether it is made in higher precision, since its numbers went wrong before."""
    previews_sent: int = 0
    step_sent: int = 0
    calls: int = 0
    rows_met: int = 0
    """Rows of the UNet calls that it took part in, summed over the calls."""
    queue_s: float = 0.0
    encode_s: float = 0.0
    begun_s: float = 0.0
    denoised_s: float = 0.0
    first_step_s: float | None = None
    """From its arrival; None before."""

    @property
    def begun(self) -> StateT:
        assert self.state is not None, "the image has not begun"
        return self.state

    @property
    def next_call(self) -> NextCall:
        """Its next call while it is denoised."""
        next_call = self.begun.next_call
        assert next_call is not None, "the image's latents are finished"
        return next_call

    @property
    def finished(self) -> bool:
        """Whether its latents are, so that only its decode is due."""
        return self.state is not None and self.state.next_call is None

    @property
    def rows(self) -> int:
        """Rows that it takes in its next UNet call, or will take in its first."""
        return cost_model.rows(self.params) if self.state is None else self.next_call.rows

    @property
    def calls_left(self) -> int:
        """UNet calls until its latents are finished."""
        return cost_model.calls(self.params) if self.state is None else self.next_call.calls_left

    @property
    def size(self) -> tuple[int, int]:
        return self.params.width, self.params.height

    @property
    def preview_due(self) -> bool:
        """Whether as many steps are done as its next preview waits for: they divide the steps evenly."""
        return self.previews_sent < self.previews and self.begun.step * (self.previews + 1) >= self.params.steps * (
            self.previews_sent + 1
        )
