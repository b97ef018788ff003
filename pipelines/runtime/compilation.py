"""Compiles a UNet with torch.compile, ahead of time and shape by shape. Does not know which shapes will be used."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor

from pipelines.errors import ModelLoadError

CompileMode: TypeAlias = Literal["regional", "default", "reduce-overhead", "max-autotune"]

_MAX_SHAPES: Final = 1024
"""Shapes of one network that torch.compile may compile. Its default is eight."""

_WHOLE: Final[Mapping[CompileMode, Mapping[str, Any]]] = {
    "default": {},
    "reduce-overhead": {"mode": "reduce-overhead"},
    # Inductor's options for diffusion models: https://huggingface.co/docs/diffusers/optimization/fp16
    "max-autotune": {
        "options": {
            "max_autotune": True,
            "conv_1x1_as_mm": True,
            "coordinate_descent_tuning": True,
            "coordinate_descent_check_all_directions": True,
            "epilogue_fusion": False,
        }
    },
}
"""The arguments of torch.compile for the whole UNet, by mode."""


class CompiledUNet:
    """Implements `networks.Denoiser`. A shape of latents and text that was not compiled ahead runs uncompiled.

    Compiling takes minutes, and no request should wait for it. In the mode "regional" the blocks of which a UNet is
    built are compiled, in place: those of one kind and shape share their code, so that it starts sooner.
    """

    def __init__(self, unet: Any, mode: CompileMode) -> None:
        self._unet = unet
        self._compiled: Any = _compile_blocks(unet) if mode == "regional" else _compile_whole(unet, mode)
        self._shapes: set[tuple[torch.Size, torch.Size, tuple[str, ...]]] = set()
        self._is_compiling = False

    @contextlib.contextmanager
    def compiling(self) -> Iterator[None]:
        """Within this context, a call with a new shape compiles that shape."""
        from torch._dynamo import config

        self._is_compiling = True
        try:
            with config.patch(recompile_limit=_MAX_SHAPES, accumulated_recompile_limit=_MAX_SHAPES):
                yield
        finally:
            self._is_compiling = False

    def __call__(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool, **added: Any
    ) -> tuple[Tensor, ...]:
        shape = (sample.shape, encoder_hidden_states.shape, tuple(added))
        if self._is_compiling:
            self._shapes.add(shape)
        if shape not in self._shapes:
            with torch.compiler.set_stance("force_eager"):  # for the blocks of the mode "regional"
                output: tuple[Tensor, ...] = self._unet(
                    sample, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=return_dict, **added
                )
            return output
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]  # torch gives it no types
        outputs = self._compiled(
            sample, timestep, encoder_hidden_states=encoder_hidden_states, return_dict=return_dict, **added
        )
        # A recorded CUDA graph writes to the same memory each time.
        return tuple(each.clone() for each in outputs)


def _compile_whole(unet: Any, mode: CompileMode) -> Any:
    return torch.compile(unet, dynamic=False, fullgraph=True, **_WHOLE[mode])


def _compile_blocks(unet: Any) -> Any:
    """Make the UNet's residual and transformer blocks compile when they are called. Returns the UNet."""
    for module in unet.modules():
        if isinstance(module, BasicTransformerBlock | ResnetBlock2D):
            module.compile(dynamic=False, fullgraph=True)
    return unet


def keep_code_in(folder: Path) -> None:
    """Make torch keep compiled code in that folder for the next start, if the folder can be used.

    By default torch keeps it under /tmp, which a container may lose or mount without permission to run code, and which
    others may write to. `TORCHINDUCTOR_CACHE_DIR` in the environment takes precedence.
    """
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.access(folder, os.W_OK | os.X_OK):
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def check(device: torch.device, mode: CompileMode) -> None:
    """Raise `ModelLoadError` where the device cannot run that mode because a compiler or a GPU is missing."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler
    from torch.utils._triton import has_triton

    if device.type == "cuda":
        if not has_triton():
            raise ModelLoadError("Compiling for a GPU needs Triton, which is not installed: set compile=off.")
        # Triton builds a launcher for its kernels at the first call, and looks for a compiler in this way.
        if not (os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")):
            raise ModelLoadError(
                "Compiling for a GPU needs a C compiler, and none was found: install gcc, or set compile=off."
            )
        return
    if mode == "reduce-overhead":
        raise ModelLoadError("compile=reduce-overhead records CUDA graphs, which needs a GPU: set compile=default.")
    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        raise ModelLoadError(
            "Compiling for the CPU needs a C++ compiler, and none was found: install g++, or set compile=off."
        ) from None
