"""torch.compile for a UNet, shape by shape and ahead of time; knows nothing of which shapes will be asked for."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

import torch
from torch import Tensor

from pipelines.errors import ModelLoadError

_MAX_SHAPES: Final = 1024
"""Beyond its default of eight, torch.compile refuses a further shape of one network."""


class CompiledUNet:
    """Implements `networks.Denoiser`. Shapes that were not compiled ahead run as they are written, since to compile
    takes minutes: no caller shall wait for that.
    """

    def __init__(self, unet: Any, mode: Literal["default", "reduce-overhead"]) -> None:
        self._unet = unet
        self._compiled: Any = torch.compile(unet, mode=mode, dynamic=False, fullgraph=True)
        self._shapes: set[torch.Size] = set()
        self._is_compiling = False

    @contextlib.contextmanager
    def compiling(self) -> Iterator[None]:
        """Within, a call of a new shape compiles it."""
        from torch._dynamo import config

        self._is_compiling = True
        try:
            with config.patch(recompile_limit=_MAX_SHAPES, accumulated_recompile_limit=_MAX_SHAPES):
                yield
        finally:
            self._is_compiling = False

    def __call__(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool
    ) -> tuple[Tensor, ...]:
        if self._is_compiling:
            self._shapes.add(sample.shape)
        if sample.shape not in self._shapes:
            output: tuple[Tensor, ...] = self._unet(
                sample, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=return_dict
            )
            return output
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
        outputs = self._compiled(sample, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=return_dict)
        # A recorded graph writes to the same memory each time.
        return tuple(each.clone() for each in outputs)


def keep_code_in(folder: Path) -> None:
    """Keep what is compiled there for the next start, where that can be: compiling takes minutes.

    Left to itself torch puts it under /tmp, which a container may lose or forbid to run code from, and which others
    may write to. `TORCHINDUCTOR_CACHE_DIR` in the environment goes before.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.access(folder, os.W_OK | os.X_OK):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def check(device: torch.device, mode: str) -> None:
    """Raise `ModelLoadError` where that mode cannot be had on the device, for want of a compiler or of a GPU."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler
    from torch.utils._triton import has_triton

    if device.type == "cuda":
        if not has_triton():
            raise ModelLoadError("To compile for a GPU takes Triton, and this installation has none: set compile=off.")
        # It builds a launcher for its kernels at the first call, and looks for a compiler in this way.
        if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
            raise ModelLoadError(
                "To compile for a GPU takes a C compiler too, and none was found: install gcc, or set compile=off."
            )
        return
    if mode == "reduce-overhead":
        raise ModelLoadError("compile=reduce-overhead records CUDA graphs, which takes a GPU: set compile=default.")
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        raise ModelLoadError(
            "To compile for the CPU takes a C++ compiler, and none was found: install g++, or set compile=off."
        ) from None
