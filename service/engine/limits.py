"""Chooses the bounds of a worker's work that the configuration leaves to the device. Pure.

Runs in both processes: the frontend asks before it knows the worker's device, and hears the worker's own bounds when
the worker is ready.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from pipelines.interface import Stage
from service.engine.config import WorkerConfig

_GIB: Final = 1 << 30

_CPU_ROWS: Final = 16
_GPU_ROWS: Final = 32
_CPU_BEGUN_BYTES: Final = 4 * _GIB
_BEGUN_SHARE: Final = 0.25
"""Share of a GPU's free memory for begun images. The rest is for the calls themselves and for graphs."""
_DECODE: Final = 4
_TEXTS: Final = 16
_LARGE_DECODE: Final = 8
_LARGE_BYTES: Final = 32 * _GIB
"""Bytes. GPUs with at least this memory decode `_LARGE_DECODE` images together."""
_WARM_UP_S: Final = 20.0
_GPU_MODELS_SHARE: Final = 0.6
"""Share of a GPU's memory for the weights of models. The rest is for calls, begun images and graphs."""
_HOST_MODELS_SHARE: Final = 0.5
"""Share of the host's memory for the weights of models, on a CPU or on their way to a GPU."""


class DeviceMemory(NamedTuple):
    """The memory of a GPU, in bytes."""

    total_bytes: int
    free_bytes: int


class ModelMemory(NamedTuple):
    """Memory that the weights of models may take, in bytes."""

    device_bytes: int
    host_bytes: int
    """0 where the device's memory is the host's."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a worker. The fields are those of `WorkerConfig`, but never None."""

    max_rows: int
    max_begun_bytes: int
    max_decode: int
    max_texts: int
    warm_up_s: float

    @property
    def max_counts(self) -> dict[Stage, int]:
        """The most rows of a call of each stage."""
        return {
            Stage.TEXT: self.max_texts,
            Stage.INPUT: self.max_decode,
            Stage.DENOISE: self.max_rows,
            Stage.DECODE: self.max_decode,
        }

    def fill_in(self, config: WorkerConfig) -> WorkerConfig:
        """Returns the configuration with these bounds."""
        return msgspec.structs.replace(config, **msgspec.structs.asdict(self))


def resolve(config: WorkerConfig, memory: DeviceMemory | None) -> Limits:
    """Returns the configured bounds, and for those that are None the defaults of the device.

    `memory` is None for a CPU. All but `max_begun_bytes` depend on the kind and size of the device alone, and are the
    same before the model is loaded and after.
    """
    defaults = _CPU if memory is None else _gpu_defaults(memory)
    chosen = {name: getattr(config, name) for name in Limits.__struct_fields__}
    return msgspec.structs.replace(defaults, **{name: each for name, each in chosen.items() if each is not None})


def model_memory(config: WorkerConfig, memory: DeviceMemory | None, host_bytes: int) -> ModelMemory:
    """Returns the configured bounds on the weights of models, or the defaults of a device and a host of this size.

    `memory` is None for a CPU, `host_bytes` the memory of the machine.
    """
    host_share = int(_HOST_MODELS_SHARE * host_bytes)
    device_share = host_share if memory is None else int(_GPU_MODELS_SHARE * memory.total_bytes)
    on_device, on_host = config.max_model_bytes, config.max_host_model_bytes
    return ModelMemory(
        device_bytes=device_share if on_device is None else on_device,
        host_bytes=0 if memory is None else host_share if on_host is None else on_host,
    )


_CPU: Final = Limits(
    max_rows=_CPU_ROWS,
    max_begun_bytes=_CPU_BEGUN_BYTES,
    max_decode=_DECODE,
    max_texts=_TEXTS,
    warm_up_s=_WARM_UP_S,
)


def warm_up_s(config: WorkerConfig) -> float:
    """Returns the time limit of the warm-up, which is the same on every device."""
    return resolve(config, None).warm_up_s


def _gpu_defaults(memory: DeviceMemory) -> Limits:
    return Limits(
        max_rows=_GPU_ROWS,
        max_begun_bytes=max(1, int(_BEGUN_SHARE * memory.free_bytes)),
        max_decode=_LARGE_DECODE if memory.total_bytes >= _LARGE_BYTES else _DECODE,
        max_texts=_TEXTS,
        warm_up_s=_WARM_UP_S,
    )
