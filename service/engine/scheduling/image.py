"""An image in the worker: its parameters, its position and its costs so far. State only; `scheduler` decides.

Runs in the worker's process; pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic

from pipelines.interface import NextCall, StateT
from pipelines.params import GenerationParams
from service.engine.costs import cost_model
from service.engine.types import Size


@dataclass(slots=True, eq=False, kw_only=True)
class ScheduledImage(Generic[StateT]):
    """One image of a job, from its arrival in the worker to its terminal message. Times are the worker's clock."""

    id: str
    params: GenerationParams
    tenant: str = ""
    """Owner of the image; tenants share the device equally."""
    isolation: str = ""
    """The image shares calls only with images of the same mark."""
    previews: int = 0
    """Number of previews that the caller asked for."""
    arrived_s: float
    virtual_deadline_s: float
    """The deadline by which images are ordered. It moves at most once, so that waiting alone brings an image's turn."""
    demoted: bool = False
    """Whether the virtual deadline has moved."""
    solo_s: float = math.inf
    """Estimate at arrival of the seconds that the image takes alone on the device."""
    deadline_s: float = math.inf
    """The caller's deadline."""
    state_bytes: int = 0
    """Upper bound on the device bytes that the image holds once it has begun."""
    state: StateT | None = None
    """None until the image begins."""
    upcast: bool = False
    """Whether the image runs in higher precision because its numbers overflowed."""
    previews_sent: int = 0
    reported_step: int = 0
    """The last step that progress was sent for."""
    calls_made: int = 0
    batch_rows_sum: int = 0
    """Sum of the rows of the UNet calls that the image took part in."""
    queue_s: float = 0.0
    encode_s: float = 0.0
    begun_s: float = 0.0
    denoised_s: float = 0.0
    first_step_s: float | None = None
    """Seconds from arrival to the end of the first step; None before it."""

    @property
    def begun_state(self) -> StateT:
        """The state of an image that has begun."""
        assert self.state is not None, "the image has not begun"
        return self.state

    @property
    def next_call(self) -> NextCall:
        """The next UNet call of an image that is being denoised."""
        next_call = self.begun_state.next_call
        assert next_call is not None, "the image's latents are finished"
        return next_call

    @property
    def finished(self) -> bool:
        """Whether the latents are finished, so that only the decode is left."""
        return self.state is not None and self.state.next_call is None

    @property
    def rows(self) -> int:
        """Rows that the image takes in its next UNet call."""
        return cost_model.rows(self.params) if self.state is None else self.next_call.rows

    @property
    def calls_left(self) -> int:
        """UNet calls until the latents are finished."""
        return cost_model.calls(self.params) if self.state is None else self.next_call.calls_left

    @property
    def size(self) -> Size:
        return self.params.width, self.params.height

    @property
    def preview_due(self) -> bool:
        """Whether enough steps are done for the next preview; previews divide the steps evenly."""
        next_preview = self.previews_sent + 1
        return next_preview <= self.previews and (
            self.begun_state.step * (self.previews + 1) >= self.params.steps * next_preview
        )
