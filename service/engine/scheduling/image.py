"""The state of an image in the worker: its parameters, its plan, its position and its times. Others decide by it.

Runs in the worker's process; pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, NamedTuple

from pipelines.interface import WIDE, BatchKey, EncodedInput, NextCall, Stage, StateT, TextKey, WorkPlan
from pipelines.params import GenerationParams, PixelKey

DEMOTION_FACTOR: Final = 4.0
"""Factor by which the time until a missed virtual deadline is extended."""


class Prediction(NamedTuple):
    """An estimate for an image at some time, to be compared with its real end."""

    at_s: float
    eta_s: float
    """Seconds to its end if nothing arrives."""
    delay_s: float
    """Seconds by which arrivals would delay it."""


class Group(NamedTuple):
    """Images of one group may share the call for which they wait."""

    key: BatchKey
    isolation: str
    """Images share calls only with images of the same mark."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The point at which an image is resumed from a checkpoint."""

    params: GenerationParams
    """The parameters of the model that goes on with the image: its refiner's where that had begun."""
    call: NextCall
    """The next UNet call."""
    step: int
    """Steps done, as users count them."""
    snapshot: bytes
    """The pipeline's snapshot of the image."""


@dataclass(slots=True, eq=False, kw_only=True)
class ScheduledImage(Generic[StateT]):
    """One image of a job, from its arrival in the worker to its terminal message. Times are seconds of its clock."""

    id: str
    params: GenerationParams
    plan: WorkPlan
    """The image's work. A restart in higher precision replaces it."""
    tenant: str = ""
    """Owner of the image; tenants share the device by their weights."""
    log_ids: Mapping[str, str] = field(default_factory=dict)
    """The ids in log lines about it."""
    isolation: str = ""
    """Mark of a suspect: see `Group.isolation`."""
    previews: int = 0
    """Number of previews that the caller asked for."""
    arrived_s: float
    virtual_deadline_s: float
    """The deadline by which images are ordered. It moves at most once, so every waiting image gets its turn."""
    demoted: bool = False
    """Whether the virtual deadline has moved."""
    solo_s: float = math.inf
    """Estimate at arrival of the seconds that the image takes alone on the device."""
    deadline_s: float = math.inf
    """The caller's deadline. It ends an image that cannot meet it, and gives no precedence."""
    load_s: float = 0.0
    """Estimated seconds until its model could be resident; 0 where it is."""
    max_load_wait_s: float = math.inf
    """Seconds after its arrival at which the image fails if its model is not resident; as many for a refiner."""
    text_call: NextCall | None = None
    """The call that encodes the texts whose conditioning is not known; None once all are known."""
    input_call: NextCall | None = None
    """The call that encodes the image to start from and its mask; None once they are encoded, or if there are none."""
    decode_call: NextCall | None = None
    """A decode other than the planned one, for latents that need a wider decoder."""
    texts: tuple[TextKey, ...] = ()
    """The texts of the image's rows, in their order."""
    conditionings: dict[TextKey, Any] = field(default_factory=dict)
    """The conditioning of each text that is known."""
    encoded: EncodedInput | None = None
    """The encoded image to start from and its mask, or the latents that the model before handed over. Kept for a
    restart in higher precision."""
    put_back: tuple[PixelKey, ...] = ()
    """Keys of the image to start from and of its mask, if unmasked pixels are put back into the finished image."""
    resume_point: ResumePoint | None = None
    """The point at which it is resumed; None if it begins from its noise, and once it has begun."""
    identity: str = ""
    """Digest of everything that decides the image's bits, for its checkpoints; empty where it has none."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0 where none are taken."""
    checkpoint_step: int = 0
    """Steps done at the last checkpoint."""
    state: StateT | None = None
    """None until the image begins."""
    upcast: bool = False
    """Whether the image runs in higher precision because its numbers overflowed."""
    decoding: bool = False
    """Whether the image's decode is under way."""
    prediction: Prediction | None = None
    """The estimate at the first report of progress."""
    step: int = 0
    """Steps that the device is known to have done."""
    previews_sent: int = 0
    reported_step: int = 0
    """The step of the last progress message."""
    calls_made: int = 0
    batch_rows_sum: int = 0
    """Sum of the rows of the UNet calls in which the image took part."""
    device_s: float = 0.0
    """Its shares, by rows, of the device seconds of its calls."""
    started_s: float | None = None
    """Time at which the first work for the image started; None before it."""
    begun_s: float = 0.0
    denoised_s: float = 0.0
    first_step_s: float | None = None
    """Seconds from arrival to the end of the first step; None before it."""

    @property
    def model(self) -> str:
        """Name of the model that makes the image's next call."""
        return self.target.key.model

    @property
    def begun_state(self) -> StateT:
        """The state of an image that has begun."""
        assert self.state is not None, "the image has not begun"
        return self.state

    @property
    def finished(self) -> bool:
        """Whether the latents are finished, so that only the decode is left."""
        return self.state is not None and self.state.next_call is None and self.params.refiner is None

    @property
    def awaits_refiner(self) -> bool:
        """Whether its model has made its calls, so that the image must be handed over to its refiner."""
        return self.state is not None and self.state.next_call is None and self.params.refiner is not None

    @property
    def target(self) -> NextCall:
        """The call for which the image waits: its next UNet call, its enlargement or its decode. Texts and the image to
        start from are encoded before it."""
        if self.state is None:
            return self._planned(Stage.DENOISE) if self.resume_point is None else self.resume_point.call
        if self.awaits_refiner:
            return replace(self._planned(Stage.DENOISE), calls_left=0)
        return self.state.next_call or self.decode_call or self._planned(Stage.DECODE)

    @property
    def preparing_calls(self) -> list[NextCall]:
        """The calls that encode texts or an image to start from which the image still needs before its target."""
        return [call for call in (self.text_call, self.input_call) if call is not None]

    @property
    def next_call(self) -> NextCall:
        """The image's next call: a preparing one if any is left, and otherwise the target."""
        return next(iter(self.preparing_calls), self.target)

    @property
    def later_calls(self) -> list[NextCall]:
        """The image's work after its target, one entry for each phase that is left."""
        if self.finished:
            return []
        key = self.target.key
        phases = iter(self.plan.calls)
        assert any(call.key == key for call in phases), "an image keeps to its plan"
        return list(phases)

    @property
    def calls_to_come(self) -> list[NextCall]:
        """The image's work from now to its end, one entry for each phase that is left."""
        return [*self.preparing_calls, self.target, *self.later_calls]

    @property
    def late_virtual_deadline_s(self) -> float:
        """The virtual deadline of the image once it cannot meet its first one."""
        if self.demoted:
            return self.virtual_deadline_s
        return self.arrived_s + DEMOTION_FACTOR * (self.virtual_deadline_s - self.arrived_s)

    def virtual_deadline_at_s(self, end_s: float) -> float:
        """Returns the virtual deadline by which the image is ordered in the end, if it ends at this time."""
        return self.virtual_deadline_s if end_s <= self.virtual_deadline_s else self.late_virtual_deadline_s

    def hand_over(self, plan: WorkPlan, texts: Sequence[TextKey], handed_over: EncodedInput, now_s: float) -> None:
        """Makes the image begin again with its refiner, with these texts and this plan."""
        params = self.params.after_switch
        assert params is not None, "the image has a refiner"
        self.params, self.plan, self.texts = params, replace(plan, steps=self.plan.steps), tuple(texts)
        self.conditionings, self.encoded = {}, handed_over
        self.state, self.upcast = None, False
        self.max_load_wait_s += now_s - self.arrived_s

    def widen_decode(self) -> None:
        """Makes a decoder in a wider dtype decode the finished latents."""
        call = self.target
        self.decode_call = replace(call, key=call.key._replace(phase=WIDE), cost=call.cost._replace(variant=WIDE))

    @property
    def group(self) -> Group:
        return Group(self.target.key, self.isolation)

    @property
    def preview_due(self) -> bool:
        """Whether enough steps are done for the next preview; previews divide the steps evenly."""
        next_preview = self.previews_sent + 1
        return next_preview <= self.previews and (self.step * (self.previews + 1) >= self.plan.steps * next_preview)

    def _planned(self, stage: Stage) -> NextCall:
        return next(call for call in self.plan.calls if call.key.stage is stage)
