"""Everything that crosses the process border, both ways: msgspec structs in length-prefixed MessagePack, no pickle.

An image's id is made by the facade and means nothing to the worker. `Started` to the terminal event, what concerns
one image arrives in order; `Progress` and `Preview` may be dropped when the reader is slow, terminal events never.
"""

from __future__ import annotations

import signal
import struct
from typing import Final, TypeAlias

import msgspec

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostTable
from service.engine.types import Priority, Timings

LENGTH: Final = struct.Struct("<I")
"""Prefix of every message: its length in bytes."""
MAX_MESSAGE_BYTES: Final = 1 << 28
BEAT_S: Final = 1.0
"""Between two beats of a worker that has nothing else to say."""
STACKS_SIGNAL: Final = signal.SIGUSR1
"""On which a worker writes its threads' stacks to its standard error."""


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


# To the worker


class Submit(Message, frozen=True):
    image_id: str
    params: GenerationParams
    priority: Priority = Priority.INTERACTIVE
    tenant: str = ""
    previews: int = 0
    """How many previews to send, spread evenly over the steps; 0 for none."""
    waited_s: float = 0.0
    """Since its admission: longer than the way here, where another worker had it before."""
    deadline_s: float | None = None
    """After which its caller has no more use for it, seconds from its admission."""


class Cancel(Message, frozen=True):
    image_id: str


class Drain(Message, frozen=True):
    """Finish what was submitted, then exit 0."""


# From the worker


class Loading(Message, frozen=True):
    """Where start-up stands: loading, then warming."""

    phase: str


class Ready(Message, frozen=True):
    """The model is loaded and warm."""

    model: ModelInfo
    costs: CostTable = CostTable()


class Unloadable(Message, frozen=True):
    """The model could not be loaded; the worker exits and is not restarted."""

    message: str


class Beat(Message, frozen=True):
    """Sent every second by the loop itself, not by a helper thread: no beat, no progress."""

    calls: int
    """UNet calls so far."""
    rows: int
    """Rows in the last call."""
    active: int
    waiting: int
    oldest_s: float = 0.0
    """How long the image has waited that has waited longest."""
    memory_bytes: int = 0
    """What the worker holds of the device's memory."""


class Busy(Message, frozen=True):
    """The loop is about to make a call that may outlast a beat, and will be silent until it is made."""

    expected_s: float | None
    """By the cost model; None where such a call was never measured."""


class CallDone(Message, frozen=True):
    """One UNet call, for the metrics and the cost model."""

    width: int
    height: int
    rows: int
    padded_rows: int
    """Rows that nobody asked for, added to bring the call to a known shape."""
    images: int
    predict_s: float
    advance_s: float
    upcast: bool = False
    """Whether it was made in higher precision, which says nothing of what other calls cost."""


class DecodeDone(Message, frozen=True):
    """One decode, for the same."""

    width: int
    height: int
    images: int
    decode_s: float
    upcast: bool = False


class EncodeDone(Message, frozen=True):
    """One encoding of texts that were not known, for the same."""

    texts: int
    encode_s: float


class Started(Message, frozen=True):
    image_id: str
    queue_s: float


class Retried(Message, frozen=True):
    """Its numbers went wrong, and it has begun anew in higher precision."""

    image_id: str


class Progress(Message, frozen=True):
    image_id: str
    step: int
    steps: int
    eta_s: float
    """Seconds until the image should be finished."""


class Preview(Message, frozen=True):
    image_id: str
    index: int
    step: int
    width: int
    height: int
    pixels: bytes


class Finished(Message, frozen=True):
    image_id: str
    width: int
    height: int
    pixels: bytes
    timings: Timings


class Failed(Message, frozen=True):
    image_id: str
    code: str
    """A public code of `service.errors`."""
    message: str
    """May be shown to the caller: never the text of an unforeseen exception."""
    field: str | None = None
    """The field of `GenerationParams` at fault, where one is."""


class Canceled(Message, frozen=True):
    image_id: str


ToWorker: TypeAlias = Submit | Cancel | Drain
FromWorker: TypeAlias = (
    Loading
    | Ready
    | Unloadable
    | Beat
    | Busy
    | CallDone
    | DecodeDone
    | EncodeDone
    | Started
    | Retried
    | Progress
    | Preview
    | Finished
    | Failed
    | Canceled
)

_encoder = msgspec.msgpack.Encoder()


def pack(message: Message) -> bytes:
    """The message with its length before it, as it goes over the socket."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body
