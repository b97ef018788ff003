"""Small values that the server, the worker and the job records all speak of. Imports nothing of ours."""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""


class Priority(enum.StrEnum):
    """The class of a job: how patient its caller is."""

    INTERACTIVE = "interactive"
    """Somebody waits for it."""
    BATCH = "batch"
    """It takes the time that is left."""


class Timings(msgspec.Struct, frozen=True):
    """The seconds that an image spent in each stage, and how full its UNet calls were."""

    queue_s: float
    encode_s: float
    denoise_s: float
    decode_s: float
    mean_batch_rows: float = msgspec.field(name="mean_rows")
    """Mean number of rows of the UNet calls that the image took part in, its own included."""
    first_step_s: float = 0.0
    """From the image's arrival to the end of its first step."""
