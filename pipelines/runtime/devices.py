"""The devices of this machine: which there are, their streams, and what their errors mean."""

from __future__ import annotations

import ctypes
import re
from typing import Final

import torch

from pipelines.errors import ModelLoadError

CALLS_PRIORITY: Final = -1
"""Priority of the stream of UNet calls. A lower number goes first; CUDA's own default, 0, is its lowest priority."""
DECODE_PRIORITY: Final = 0
"""Priority of a stream for decodes, whose kernels get what the UNet calls leave."""

_BFLOAT16_CAPABILITY: Final = (8, 0)
"""Compute capability of the first GPUs that compute in bfloat16 (Ampere)."""

_OUT_OF_MEMORY: Final = re.compile(
    r"out of memory"  # of CUDA, of Triton
    r"|DefaultCPUAllocator"
    r"|STATUS_(\w+_)?ALLOC\w*_FAILED"  # of cuBLAS, cuDNN and their like
    # torch goes on to the next algorithm of a convolution where one runs out of memory, and says this after the last.
    r"|unable to find an engine to execute this computation"
)


def find(name: str) -> torch.device:
    """Return the device of that name: auto, cpu, cuda, or cuda:1 and so on. A GPU always has its index.

    auto is the first GPU, or the CPU if there is none. Raises `ModelLoadError` where there is no such device.
    """
    if name == "auto":
        return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelLoadError("The device must be auto, cpu or cuda.") from None
    if device.type not in ("cpu", "cuda"):
        raise ModelLoadError("The device must be auto, cpu or cuda.")
    if device.type == "cpu":
        return torch.device("cpu")
    if (device.index or 0) >= torch.cuda.device_count():
        raise ModelLoadError("There is no such GPU, or the installed torch cannot use it.")
    return torch.device("cuda", device.index or 0)


def half_dtypes(device: torch.device) -> frozenset[torch.dtype]:
    """Return the 16-bit dtypes in which a model is served faster than in float32: none on a CPU.

    GPUs before Ampere have float16 alone, and only emulate bfloat16.
    """
    if device.type == "cpu":
        return frozenset()
    has_bfloat16 = torch.cuda.get_device_capability(device) >= _BFLOAT16_CAPABILITY
    return frozenset({torch.float16, torch.bfloat16} if has_bfloat16 else {torch.float16})


def make_current(device: torch.device) -> None:
    """Make this thread use that GPU, and a stream on it that goes before decodes. Does nothing for a CPU.

    Streams, events, graphs and memory statistics belong to the current device unless they are told another.
    """
    if device.type == "cuda":
        torch.cuda.set_device(device)
        # torch gives the constructor of `Stream` no types.
        torch.cuda.set_stream(torch.cuda.Stream(device, priority=CALLS_PRIORITY))  # type: ignore[no-untyped-call]


def decode_stream(device: torch.device) -> torch.cuda.Stream | None:
    """Return a new stream for decodes beside UNet calls, or None if the device has no streams."""
    # torch gives the constructor of `Stream` no types.
    return torch.cuda.Stream(device, priority=DECODE_PRIORITY) if device.type == "cuda" else None  # type: ignore[no-untyped-call]


def use_fast_kernels() -> None:
    """Make this process take the fastest kernels of a GPU: cuDNN tries those of a new shape, and float32 may be TF32.

    TF32 has the range of float32 and the precision of float16. Attention takes whichever kernel torch prefers.
    """
    torch.backends.cudnn.benchmark = True
    # torch has an older and a newer name for this setting. Every version from 2.9 on can read the older one back.
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True


def return_free_memory() -> None:
    """Return memory that this process has freed: that of a GPU to the device, and the host's to the system.

    glibc keeps freed memory that lies below memory in use (malloc_trim(3)). Other C libraries have no such function.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out. Torch has a class for the errors of its own allocator on a GPU, and for no others.

    Other libraries allocate for themselves, and the allocator of the CPU raises a bare RuntimeError; these are told by
    their messages. CUDNN_STATUS_NOT_SUPPORTED is none of them: a smaller batch does not help there.
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _OUT_OF_MEMORY.search(str(error)) is not None


def is_broken(error: Exception) -> bool:
    """Whether the device serves no call after this error: torch.AcceleratorError, unless memory ran out."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)
