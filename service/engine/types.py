"""Small value types that the engine, the job records and the API share. Imports nothing of ours.

Runs in every process; pure.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


class Priority(enum.StrEnum):
    """The class of a job: how soon its caller expects the result."""

    INTERACTIVE = "interactive"
    """A person is waiting for it."""
    BATCH = "batch"
    """It runs in the device time that interactive jobs leave."""


class ModelStatus(enum.StrEnum):
    """The status of a model: where it is, or why it cannot be used now."""

    DISK = "disk"
    HOST = "host"
    """In the memory of the machine, from which the device gets it quickly."""
    LOADING = "loading"
    RESIDENT = "resident"
    """In the memory of the device, ready to make images."""
    FAILED = "failed"
    """It cannot be used."""


class Timings(msgspec.Struct, frozen=True):
    """Seconds that an image spent in each stage, and how full its UNet calls were."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    mean_batch_rows: float = msgspec.field(name="mean_rows")
    """Mean number of rows of the image's UNet calls, including its own."""
    first_step_s: float = 0.0
    """Seconds from the image's submission to the end of its first step."""
    device_s: float = 0.0
    """The image's shares, by rows, of the device seconds of its calls."""
