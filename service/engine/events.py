"""Everything that crosses the process border, both ways: msgspec structs in length-prefixed MessagePack, no pickle.

A picture's id is made by the facade and means nothing to the worker. `Started` to the terminal event, what concerns
one picture arrives in order; `Progress` and `Preview` may be dropped when the reader is slow, terminal events never.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

import msgspec

from pipelines.interface import ModelInfo
from pipelines.params import GenerationParams

LENGTH: Final = struct.Struct("<I")
"""Prefix of every message: its length in bytes."""
MAX_MESSAGE_BYTES: Final = 1 << 28


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


# To the worker


class Submit(Message, frozen=True):
    picture_id: str
    params: GenerationParams
    priority: float
    """Factor k of the virtual deadline, arrival + k x solo time: smaller is sooner."""
    previews: int
    """How many previews to send, spread evenly over the steps; 0 for none."""


class Cancel(Message, frozen=True):
    picture_id: str


class Drain(Message, frozen=True):
    """Finish what was submitted, then exit 0."""


# From the worker


class Loading(Message, frozen=True):
    """Where start-up stands: loading, then warming."""

    phase: str


class Ready(Message, frozen=True):
    """The model is loaded and warm."""

    model: ModelInfo


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


class CallDone(Message, frozen=True):
    """One UNet call, for the metrics."""

    width: int
    height: int
    rows: int
    pictures: int
    predict_s: float
    advance_s: float


class Started(Message, frozen=True):
    picture_id: str
    queue_s: float


class Progress(Message, frozen=True):
    picture_id: str
    step: int
    steps: int


class Preview(Message, frozen=True):
    picture_id: str
    index: int
    step: int
    width: int
    height: int
    pixels: bytes


class Timings(msgspec.Struct, frozen=True):
    """Seconds a picture spent in each stage, and the company it kept."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    mean_rows: float
    """Rows of the UNet calls it took part in, on average, its own included."""


class Finished(Message, frozen=True):
    picture_id: str
    width: int
    height: int
    pixels: bytes
    timings: Timings


class Failed(Message, frozen=True):
    picture_id: str
    code: str
    """A public code of `service.errors`."""
    message: str
    """May be shown to the caller: never the text of an unforeseen exception."""
    field: str | None = None
    """The field of `GenerationParams` at fault, where one is."""


class Canceled(Message, frozen=True):
    picture_id: str


ToWorker: TypeAlias = Submit | Cancel | Drain
FromWorker: TypeAlias = (
    Loading | Ready | Unloadable | Beat | CallDone | Started | Progress | Preview | Finished | Failed | Canceled
)

_encoder = msgspec.msgpack.Encoder()


def pack(message: Message) -> bytes:
    """The message with its length before it, as it goes over the socket."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body
