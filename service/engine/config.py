"""What an engine and its worker can be told. Values only: whoever reads the environment passes them in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

INTERACTIVE_DEADLINE_FACTOR: Final = 3.0
BATCH_DEADLINE_FACTOR: Final = 30.0
"""Default factors k of an image's virtual deadline, arrival + k x its time alone on the device."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the worker process needs; it is handed over as JSON on the worker's command line.

    Raises ValueError where a number is out of range.
    """

    model: str
    """A model folder, or the hub id of one."""
    allow_download: bool = False
    """Whether a hub id may be fetched."""
    device: str = "auto"
    """auto, cpu or cuda (or cuda:1 ...)."""
    dtype: str = "auto"
    """auto, float32, float16 or bfloat16."""
    threads: int | None = None
    """Threads of one tensor operation; None leaves it to torch."""
    exact: bool = False
    """Whether an image's bits may not depend on its company; not together with `compile`."""
    compile: Literal["off", "default", "reduce-overhead"] = "off"
    """torch.compile's mode for the UNet."""
    max_rows: int = 16
    """Rows in a UNet call, where the measured knee of call time against rows is not lower."""
    max_begun: int = 64
    """Images that hold latents, those that wait for their decode included."""
    max_begun_bytes: int = 4 << 30
    """The same in bytes, estimated from above."""
    max_decode: int = 4
    """Images in a decode."""
    max_cached_prompts: int = 256
    """Texts whose conditioning is kept."""
    interactive_deadline_factor: float = INTERACTIVE_DEADLINE_FACTOR
    """Factor k of an interactive image's virtual deadline, arrival + k x its time alone on the device."""
    batch_deadline_factor: float = BATCH_DEADLINE_FACTOR
    """The same for the batch class."""
    warm_up_s: float = 20.0
    """Bound on the passes before the worker is ready; what they do not reach is measured while serving."""
    cache_dir: str | None = None
    """Folder in which measured costs and compiled code are kept from one start to the next; None keeps none."""

    def __post_init__(self) -> None:
        _require_at_least("threads", self.threads or 1, 1)
        _require_at_least("max_rows", self.max_rows, 2)
        _require_at_least("max_begun", self.max_begun, 1)
        _require_at_least("max_begun_bytes", self.max_begun_bytes, 1)
        _require_at_least("max_decode", self.max_decode, 1)
        _require_at_least("max_cached_prompts", self.max_cached_prompts, 1)
        if not 0 < self.interactive_deadline_factor <= self.batch_deadline_factor:
            raise ValueError("interactive_deadline_factor must be positive, and batch_deadline_factor no less")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What the facade needs. Raises ValueError where a number is out of range."""

    worker: WorkerConfig
    max_queued_images: int = 256
    """Admitted and unfinished images, those in work included."""
    max_queued_s: float = 300.0
    """The same in seconds of the device: their prices."""
    max_queued_s_per_tenant: float | None = None
    """The same for the images of one tenant; None bounds none apart."""
    max_buffered_events: int = 32
    """Progress and preview events that a job keeps for a slow reader."""
    load_timeout_s: float = 900.0
    """Silence after which a loading worker counts as stuck."""
    stall_timeout_s: float = 15.0
    """Silence after which a serving worker counts as stuck, beside ten times what its call is expected to take."""
    unmeasured_timeout_s: float = 120.0
    """The same in a call of a kind that was never measured."""
    restart_delay_s: float = 0.5
    """Before the first restart of a dead worker; doubled for each further death until an image is finished."""
    max_restart_delay_s: float = 30.0
    max_failed_loads: int = 3
    """Deaths in a row before the model is loaded, after which the engine gives up."""

    def __post_init__(self) -> None:
        _require_at_least("max_queued_images", self.max_queued_images, 1)
        _require_at_least("max_buffered_events", self.max_buffered_events, 1)
        _require_at_least("max_failed_loads", self.max_failed_loads, 1)
        for name in (
            "max_queued_s",
            "load_timeout_s",
            "stall_timeout_s",
            "unmeasured_timeout_s",
            "restart_delay_s",
            "max_restart_delay_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
        if self.max_queued_s_per_tenant is not None and self.max_queued_s_per_tenant <= 0:
            raise ValueError("max_queued_s_per_tenant must be positive")


def _require_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}")
