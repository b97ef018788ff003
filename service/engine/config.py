"""Configuration of an engine and its worker. Holds values only: the caller reads the environment and passes them in.

Runs in both processes; the worker gets its part as JSON on its command line.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

INTERACTIVE_DEADLINE_FACTOR: Final = 3.0
BATCH_DEADLINE_FACTOR: Final = 30.0
"""Default factors k of an image's virtual deadline, arrival + k x its time alone on the device."""


class ModelSource(msgspec.Struct, frozen=True):
    """A model that a worker serves besides its default one."""

    name: str
    """The name that requests use; empty leaves it to the model."""
    source: str
    """A model folder, a model file or a hub id."""


class WorkerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Configuration of the worker process. Raises ValueError where a number is out of range."""

    model: str
    """The default model: a model folder, a model file or a hub id."""
    model_name: str = ""
    """The name that requests use for it; empty leaves it to the model."""
    models: tuple[ModelSource, ...] = ()
    """Further models. They are loaded when images need them."""
    model_aliases: tuple[tuple[str, str], ...] = ()
    """Further names by which requests can ask for models, each with the name or the alias that it stands for."""
    max_model_bytes: int | None = None
    """Upper bound on the weights of all models on the device. A model beyond it is loaded alone. The default of None,
    here and for `max_host_model_bytes`, is in `service.engine.limits`."""
    max_host_model_bytes: int | None = None
    """Upper bound on the weights of models that wait in the host's memory for a GPU."""
    model_manifest: str | None = None
    """File with the digests of the model files that may be opened; None lets every file be opened."""
    allow_download: bool = False
    """Whether a hub id may be downloaded."""
    device: str = "auto"
    """auto, cpu, cuda, or a numbered device such as cuda:1."""
    dtype: str = "auto"
    """auto, float32, float16 or bfloat16."""
    threads: int | None = None
    """Threads of one tensor operation; None keeps torch's default."""
    exact: bool = False
    """Batch invariance: an image's bits do not depend on the rest of its batch. Cannot be combined with `compile`."""
    compile: Literal["off", "regional", "default", "reduce-overhead", "max-autotune"] = "off"
    """Mode of torch.compile for the UNet."""
    cuda_graphs: bool = True
    """Whether the UNet and the decoder run as CUDA graphs at the trained sizes. It has no effect without a GPU."""
    quantize: Literal["off", "fp8"] = "off"
    """Whether the UNet's large linear layers run in 8-bit floats."""
    max_rows: int | None = None
    """Upper bound on the rows of a UNet call; the measured knee may lower it. The default of None, here
    and for the bounds below, is in `service.engine.limits`."""
    max_begun_bytes: int | None = None
    """Upper bound on the estimated bytes of the states of begun images, including those that wait for their decode."""
    max_decode: int | None = None
    """Upper bound on the images of one call that decodes or encodes."""
    max_texts: int | None = None
    """Upper bound on the texts that are encoded in one call."""
    max_decode_pixels: int | None = 2048 * 2048
    """Upper bound on the pixels that are decoded at once. More images are decoded one after another, and larger ones in
    tiles. None sets no bound."""
    max_cached_prompts: int = 256
    """Number of texts whose conditioning is cached."""
    interactive_deadline_factor: float = INTERACTIVE_DEADLINE_FACTOR
    """Factor k of an interactive image's virtual deadline, which is its arrival + k x its solo time."""
    batch_deadline_factor: float = BATCH_DEADLINE_FACTOR
    """Factor k of a batch image's virtual deadline."""
    shares: dict[str, float] = {}
    """Weights of tenants: one of weight 3 gets three times the device time of one of weight 1. Others have 1."""
    warm_up_s: float | None = None
    """Time limit of the warm-up; shapes that it does not reach are measured while serving."""
    cache_dir: str | None = None
    """Folder that keeps measured costs and compiled code between starts; None keeps nothing."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    """Format of the log on standard error; auto is console on a terminal and json elsewhere."""

    def __post_init__(self) -> None:
        _require_at_least("threads", self.threads, 1)
        _require_at_least("max_rows", self.max_rows, 2)
        _require_at_least("max_begun_bytes", self.max_begun_bytes, 1)
        _require_at_least("max_decode", self.max_decode, 1)
        _require_at_least("max_texts", self.max_texts, 1)
        _require_at_least("max_decode_pixels", self.max_decode_pixels, 1)
        _require_at_least("max_cached_prompts", self.max_cached_prompts, 1)
        _require_at_least("max_model_bytes", self.max_model_bytes, 1)
        _require_at_least("max_host_model_bytes", self.max_host_model_bytes, 0)
        names = [name for name in (self.model_name, *(model.name for model in self.models)) if name]
        if len(set(names)) < len(names):
            raise ValueError("each model needs a name of its own")
        if not all(0 < weight < math.inf for weight in self.shares.values()):
            raise ValueError("shares must be positive")
        if self.warm_up_s is not None and not self.warm_up_s > 0:
            raise ValueError("warm_up_s must be positive")
        if not 0 < self.interactive_deadline_factor <= self.batch_deadline_factor:
            raise ValueError(
                "interactive_deadline_factor must be positive and must not be greater than batch_deadline_factor"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Configuration of the engine's frontend. Raises ValueError where a number is out of range."""

    worker: WorkerConfig
    devices: tuple[str, ...] = ()
    """The devices, each with a worker of its own; empty for one worker on the device of `worker`."""
    max_queued_images: int = 256
    """No job is admitted while this many images are queued, that is admitted and not ended. Jobs that were accepted
    before, as durable ones are, neither count nor are bounded by this."""
    max_queued_s: float = 300.0
    """No job is admitted while the prices of the queued images add up to this many device seconds."""
    min_queued_jobs: int = 4
    """While fewer jobs than this are queued, one more is admitted whatever their prices, so that a single job of a slow
    model does not refuse everybody else."""
    max_queued_s_per_tenant: float | None = None
    """No job of a tenant is admitted while the prices of its own queued images add up to this; None sets no
    bound."""
    max_callers_in_line: int = 64
    """Upper bound on callers that wait until their job is admitted; with 0, jobs are refused at once."""
    max_wait_in_line_s: float = 30.0
    """Longest wait of a caller in line, in seconds."""
    max_load_wait_s: float = 600.0
    """Longest wait of an image for a model that is not loaded, in seconds. It does not bound jobs accepted before."""
    max_buffered_events: int = 32
    """Number of progress and preview events that are kept for a slow reader of a job."""
    load_timeout_s: float = 900.0
    """Seconds of silence after which a loading worker is stuck; ten times its longest silence so far are added."""
    stall_timeout_s: float = 15.0
    """Seconds of silence after which a serving worker is stuck; ten times a call's expected seconds are added."""
    unmeasured_timeout_s: float = 120.0
    """Seconds of silence after which a worker counts as stuck in a call of a kind that was never measured, or ten times
    the guess from other calls where that is more."""
    kill_timeout_s: float = 30.0
    """Seconds in which a killed worker must be gone; otherwise the engine fails."""
    max_unread_bytes: int = 512 << 20
    """Upper bound on the bytes of finished images that wait to be read, over all jobs."""
    max_input_bytes: int = 256 << 20
    """Upper bound on the bytes of the pixels that admitted images and callers in line start from. Jobs that were
    accepted before are not bounded by this."""
    restart_delay_s: float = 0.5
    """Seconds before a crashed worker is replaced; doubles with each further crash until an image is finished."""
    max_restart_delay_s: float = 30.0
    max_failed_loads: int = 3
    """Number of consecutive workers that end before they are ready, after which the engine fails."""

    @property
    def workers(self) -> tuple[WorkerConfig, ...]:
        """The configuration of each worker."""
        devices = self.devices or (self.worker.device,)
        return tuple(msgspec.structs.replace(self.worker, device=device) for device in devices)

    def __post_init__(self) -> None:
        _require_at_least("max_queued_images", self.max_queued_images, 1)
        _require_at_least("min_queued_jobs", self.min_queued_jobs, 0)
        _require_at_least("max_callers_in_line", self.max_callers_in_line, 0)
        _require_at_least("max_buffered_events", self.max_buffered_events, 1)
        _require_at_least("max_unread_bytes", self.max_unread_bytes, 1)
        _require_at_least("max_input_bytes", self.max_input_bytes, 1)
        _require_at_least("max_failed_loads", self.max_failed_loads, 1)
        for name in (
            "max_queued_s",
            "max_wait_in_line_s",
            "max_load_wait_s",
            "load_timeout_s",
            "stall_timeout_s",
            "unmeasured_timeout_s",
            "kill_timeout_s",
            "restart_delay_s",
            "max_restart_delay_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive")
        if self.max_queued_s_per_tenant is not None and self.max_queued_s_per_tenant <= 0:
            raise ValueError("max_queued_s_per_tenant must be positive")


def _require_at_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ValueError(f"{name} must be at least {least}")
