"""Takes checkpoints of begun images, and finds the point at which an image is resumed from one.

Runs in the worker's process. A checkpoint is started once the update after a call was launched, and sent if the call
succeeds. The loop waits for no more than the copy from the device; a thread of the channel does the rest.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, NamedTuple

import msgspec

from pipelines.interface import Pipeline, Stage, StateT
from pipelines.snapshots import PendingSnapshot
from service.engine import messages
from service.engine.messages import Submit
from service.engine.scheduling.image import ResumePoint, ScheduledImage
from service.engine.worker.channel import Channel
from service.engine.worker.checkpoints import checkpoint
from service.engine.worker.checkpoints.checkpoint import Checkpoint
from service.engine.worker.fault_isolation import Fault, FaultIsolation

_log = logging.getLogger(__name__)


class StartedCheckpoint(NamedTuple):
    image_id: str
    about: Checkpoint
    """The checkpoint without its snapshot."""
    snapshot: PendingSnapshot


class Checkpoints(Generic[StateT]):
    """Takes and reads the checkpoints of one worker's images."""

    def __init__(
        self,
        pipeline: Pipeline[Any, StateT, Any],
        channel: Channel,
        isolation: FaultIsolation,
        *,
        facts: Mapping[str, object],
        name_of: Callable[[str], str],
    ) -> None:
        """`facts` holds for each model everything besides the parameters that decides the bits of its images. `name_of`
        returns the full name of the model that parameters name."""
        self._pipeline = pipeline
        self._channel = channel
        self._isolation = isolation
        self._facts = facts
        self._name_of = name_of

    def identity_of(self, submit: Submit) -> str:
        """Returns the identity that an image's checkpoints must have; empty for an image without any."""
        if not submit.checkpoint_every and not submit.checkpoint:
            return ""
        names = map(self._name_of, submit.params.models)
        return checkpoint.identity_of(submit.params, [self._facts.get(name) for name in names])

    def resume_point(self, submit: Submit, identity: str) -> ResumePoint | None:
        """Returns the point at which the image is resumed; None if it begins from its noise."""
        if not submit.checkpoint:
            return None
        found = checkpoint.unpack(submit.checkpoint)
        if found is None or found.identity != identity:
            reason = "is damaged" if found is None else "is of another model, device or version"
            _log.info("the image %s begins anew: its checkpoint %s", submit.image_id, reason)
            return None
        params = submit.params.after_switch if found.refining else submit.params
        assert params is not None, "an image with an equal identity has the same models and the same plan"
        planned = {call.key: call for call in self._pipeline.plan(params).calls}
        return ResumePoint(params, replace(planned[found.key], calls_left=found.calls_left), found.step, found.snapshot)

    def start(self, image: ScheduledImage[StateT]) -> StartedCheckpoint | None:
        """Starts a checkpoint of an image whose update was launched, if one is due and can be sent."""
        state = image.begun_state
        call = state.next_call
        is_due = image.checkpoint_every and state.step >= image.checkpoint_step + image.checkpoint_every
        if not is_due or self._channel.congested or call is None or call.key.stage is not Stage.DENOISE:
            return None
        snapshot = self._isolation.run_once(lambda: self._pipeline.snapshot(state))
        if snapshot is None or isinstance(snapshot, Fault):
            image.checkpoint_every = 0  # Checkpoints are optional: the image goes on without them.
            return None
        image.checkpoint_step = state.step
        about = Checkpoint(
            identity=image.identity,
            refining=image.params.taken_over_at > 0,
            key=call.key,
            calls_left=call.calls_left,
            step=state.step,
        )
        return StartedCheckpoint(image.id, about, snapshot)

    def send(self, started: Sequence[StartedCheckpoint]) -> None:
        """Sends the checkpoints of a call that is done."""
        for each in started:
            if not isinstance(self._isolation.run_once(each.snapshot.wait), Fault):
                self._channel.send_later(functools.partial(_message, each))


def _message(started: StartedCheckpoint) -> messages.Checkpoint:
    whole = msgspec.structs.replace(started.about, snapshot=started.snapshot.pack())
    return messages.Checkpoint(started.image_id, whole.step, checkpoint.pack(whole))
