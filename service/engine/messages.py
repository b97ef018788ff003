"""The protocol between the frontend and the worker: msgspec structs in length-prefixed MessagePack, never pickle.

Runs in both processes; pure. The frontend chooses an image's id; the worker only echoes it. The messages about one
image arrive in order, from `Started` to the terminal `Finished`, `Failed` or `Canceled`. `Progress`, `Preview` and
`Checkpoint` may be dropped when the frontend reads slowly; terminal messages never are.
"""

from __future__ import annotations

import signal
import struct
from typing import Final, TypeAlias

import msgspec

from pipelines.interface import CostKey, Stage
from pipelines.model_info import ModelInfo
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import PromptLengths
from service.engine.costs.cost_table import CostTable
from service.engine.types import ModelStatus, Priority, Timings

LENGTH: Final = struct.Struct("<I")
"""Prefix of every message: its length in bytes."""
MAX_MESSAGE_BYTES: Final = 1 << 28
BEAT_S: Final = 1.0
"""Seconds between two beats of the worker's loop."""
STACKS_SIGNAL: Final = signal.SIGUSR1
"""Signal on which a worker writes the stacks of its threads to standard error."""


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all messages."""


# To the worker


class Submit(Message, frozen=True):
    image_id: str
    params: GenerationParams
    priority: Priority = Priority.INTERACTIVE
    tenant: str = ""
    previews: int = 0
    """Number of previews to send, spread evenly over the steps."""
    waited_s: float = 0.0
    """Seconds since the image's admission; many if an earlier worker crashed while it had the image."""
    deadline_s: float | None = None
    """The caller's deadline, in seconds from the image's admission."""
    isolation: str = ""
    """A mark. Images share calls only with images of the same mark, and no other call runs beside a call of marked
    images, so that a crash of the worker tells which images were at work."""
    max_load_wait_s: float | None = None
    """Seconds from the image's admission after which it fails if its model is not resident; None sets no bound."""
    checkpoint_every: int = 0
    """Steps between two checkpoints; 0 asks for none."""
    checkpoint: bytes = b""
    """A checkpoint from which the worker resumes the image if it can; empty to begin from its noise."""
    log_ids: dict[str, str] = {}
    """The ids in log lines about this image."""


class Input(Message, frozen=True):
    """Brings the pixels of an upload, prepared at one size: an image to start from, or a mask.

    The frontend sends it before the first `Submit` that needs these pixels, and not again until it has sent `Forget`.
    """

    digest: str
    """SHA-256 of the upload, in hexadecimal."""
    width: int
    height: int
    channels: int
    """3 for an image in sRGB, 1 for a mask, whose white is repainted."""
    pixels: bytes
    """`height` x `width` x `channels` bytes, row by row."""


class Forget(Message, frozen=True):
    """Tells the worker that none of its unfinished images needs these pixels any more.

    Messages arrive in order, so the worker has the pixels for as long as the frontend relies on them. If it dropped
    them by itself, a `Submit` on its way might still need them.
    """

    digest: str
    width: int
    height: int


class Cancel(Message, frozen=True):
    image_id: str


class LoadModel(Message, frozen=True):
    """Makes the worker load a model before those that images wait for, even one that could not be loaded before."""

    name: str


class UnloadModel(Message, frozen=True):
    """Makes the worker cancel the load of a model, or unload it once the images that it has begun are finished."""

    name: str


class PinModel(Message, frozen=True):
    """Makes the worker load a model and keep it on the device, or stop keeping it there."""

    name: str
    pinned: bool


class Drain(Message, frozen=True):
    """Tells the worker to finish the submitted images and then exit with status 0."""


# From the worker


class Loading(Message, frozen=True):
    """Reports start-up progress."""

    phase: str
    """`loading` first, then `preparing`, while a model is downloaded, read or compiled, and `warming`."""
    activity: str = ""
    """The activity that begins now, in words for people; empty where the last one goes on."""
    expected_s: float = 0.0
    """The longest silence to expect until the next message, in seconds."""


class Ready(Message, frozen=True):
    """Reports that the default model is loaded and warmed up."""

    models: tuple[ModelInfo, ...]
    """The models that can be described, the default one first."""
    costs: CostTable = CostTable()
    max_counts: dict[Stage, int] | None = None
    """The most rows of a call of each stage, as the worker chose them for its device; None leaves it as configured."""


class ModelState(Message, frozen=True):
    """Reports a change of one model's status."""

    name: str
    status: ModelStatus
    reason: str = ""
    """The reason for which it cannot be used, for the operator: it may hold paths."""
    pinned: bool = False
    wait_s: float = 0.0
    """Estimated seconds until it could be resident; 0 where it is."""
    pinnable: bool = True
    """Whether it can be pinned and still leave room for the largest of the other models."""


class Unloadable(Message, frozen=True):
    """Reports that the model cannot be loaded. The worker exits and is not restarted."""

    message: str


class Beat(Message, frozen=True):
    """Sent every second by the loop itself, not by a helper thread, so that a stuck loop does not beat."""

    active: int
    """Images that hold latents."""
    waiting: int
    """Images that have not begun."""
    oldest_s: float = 0.0
    """Seconds that the longest-waiting of them has waited."""
    memory_bytes: int = 0
    """Device memory that the worker holds."""


class Busy(Message, frozen=True):
    """Announces a call during which the loop may miss a beat."""

    expected_s: float | None
    """The cost model's estimate; None for work of unknown length."""
    is_guess: bool = False
    """Whether no such call was ever measured, so that the estimate is a guess from calls of another size or kind."""


class CallDone(Message, frozen=True):
    """Reports one call of any stage."""

    key: CostKey
    rows: int
    """Number of texts, of rows of the UNet's batch, or of images to decode."""
    padded_rows: int
    """Rows that were added to bring the call to a fixed shape."""
    images: int
    """Images that took part in the call."""
    seconds: float
    """Device seconds of the call, including the work after the network."""
    update_s: float = 0.0
    """The part of `seconds` for guidance and the sampler updates."""
    sound: bool = True
    """Whether the seconds show the cost of such a call: it succeeded at once and had the device to itself."""


class Started(Message, frozen=True):
    """Reports that the worker begins the image. Sent before the first call on its behalf."""

    image_id: str


class Retried(Message, frozen=True):
    """Reports that the image's numbers overflowed and that it begins again in higher precision."""

    image_id: str


class Progress(Message, frozen=True):
    image_id: str
    step: int
    steps: int
    eta_s: float
    """Estimated seconds until the image is finished."""


class Preview(Message, frozen=True):
    image_id: str
    index: int
    """0-based number of this preview."""
    step: int
    width: int
    height: int
    pixels: bytes


class Checkpoint(Message, frozen=True):
    """Brings the data with which a later `Submit` resumes the image. It may arrive after the image has ended."""

    image_id: str
    step: int
    data: bytes
    """Bytes that only a worker reads."""


class Finished(Message, frozen=True):
    image_id: str
    width: int
    height: int
    pixels: bytes
    timings: Timings
    prompt_lengths: PromptLengths | None = None


class Failed(Message, frozen=True):
    image_id: str
    code: str
    """A public code of `service.errors`."""
    message: str
    """Text for the caller; never the text of an unforeseen exception."""
    field: str | None = None
    """The field of `GenerationParams` at fault, if there is one."""


class Canceled(Message, frozen=True):
    image_id: str


ToWorker: TypeAlias = Input | Forget | Submit | Cancel | LoadModel | UnloadModel | PinModel | Drain
ImageMessage: TypeAlias = Started | Retried | Progress | Preview | Checkpoint | Finished | Failed | Canceled
"""Messages about one image, which `image_id` names."""
FromWorker: TypeAlias = Loading | Ready | ModelState | Unloadable | Beat | Busy | CallDone | ImageMessage

_encoder = msgspec.msgpack.Encoder()


def pack(message: Message) -> bytes:
    """Returns the encoded message behind its length prefix, ready for the socket."""
    body = _encoder.encode(message)
    return LENGTH.pack(len(body)) + body
