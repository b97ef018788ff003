"""What an engine and its worker can be told. Values only: whoever reads the environment passes them in."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


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
    max_rows: int = 16
    """Rows in a UNet call: the knee of step time against rows."""
    max_begun: int = 64
    """Pictures that hold latents, those that wait for their decode included."""
    max_decode: int = 4
    """Pictures in a decode."""
    max_cached_prompts: int = 256
    """Texts whose conditioning is kept."""

    def __post_init__(self) -> None:
        _require_at_least("threads", self.threads or 1, 1)
        _require_at_least("max_rows", self.max_rows, 2)
        _require_at_least("max_begun", self.max_begun, 1)
        _require_at_least("max_decode", self.max_decode, 1)
        _require_at_least("max_cached_prompts", self.max_cached_prompts, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """What the facade needs. Raises ValueError where a number is out of range."""

    worker: WorkerConfig
    max_queued_pictures: int = 256
    """Admitted and unfinished pictures, those in work included."""
    max_queued_row_calls: int = 20_000
    """The same in work: UNet calls times rows, summed over the pictures."""
    max_buffered_events: int = 32
    """Progress and preview events that a job keeps for a slow reader."""
    load_timeout_s: float = 900.0
    """Silence after which a loading worker counts as stuck."""
    stall_timeout_s: float = 120.0
    """Silence after which a serving worker counts as stuck: longer than any single UNet call or decode."""
    restart_delay_s: float = 0.5
    """Before the first restart of a dead worker; doubled for each further death until a picture is finished."""
    max_restart_delay_s: float = 30.0
    max_failed_loads: int = 3
    """Deaths in a row before the model is loaded, after which the engine gives up."""

    def __post_init__(self) -> None:
        _require_at_least("max_queued_pictures", self.max_queued_pictures, 1)
        _require_at_least("max_queued_row_calls", self.max_queued_row_calls, 1)
        _require_at_least("max_buffered_events", self.max_buffered_events, 1)
        _require_at_least("max_failed_loads", self.max_failed_loads, 1)
        for name in ("load_timeout_s", "stall_timeout_s", "restart_delay_s", "max_restart_delay_s"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")


def _require_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} must be at least {least}")
