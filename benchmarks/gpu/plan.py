"""The parts of a GPU day, the most valuable first, with their time limits. Imports no torch: others run the parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TRAINING: Final = "training"
TINY_THREADS: Final = 1
"""Threads of tiny networks, which gain nothing from more: these wait for one another on a busy machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a part."""

    device: str
    """cuda or cpu. CUDA_VISIBLE_DEVICES chooses the GPU."""
    tiny: bool
    """Whether networks and counts are so small that a CPU measures them in seconds. The figures then mean nothing."""
    work: str
    """Folder for models and checkpoints."""
    output: str
    """Folder for results."""
    limit_s: float
    """Seconds after which the part is ended."""

    def budget_s(self, seconds: float) -> float:
        """Return the time to spend on one figure, of the seconds that are proper on a GPU."""
        return 0.0 if self.tiny else seconds

    @property
    def work_folder(self) -> Path:
        return Path(self.work)


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `function` takes `Settings` and a `record.Record`, and is named as `module:function`."""

    name: str
    title: str
    function: str
    limit_s: float
    compiles: bool = False
    """Whether it spends its time on torch.compile. A dry run leaves such parts out."""


PARTS: Final = (
    Part("machine", "The machine", "benchmarks.gpu.parts.machine:run", 90),
    Part("correctness", "The CUDA tests", "benchmarks.gpu.parts.correctness:run", 150),
    Part("sd15-calls", "Stable Diffusion 1.5: network calls", "benchmarks.gpu.parts.calls:sd15", 75),
    Part("sd15-images", "Stable Diffusion 1.5: images per second", "benchmarks.gpu.parts.images:engine", 140),
    Part("sd15-diffusers", "Stable Diffusion 1.5: diffusers alone", "benchmarks.gpu.parts.peers:sd15", 45),
    Part("sdxl-calls", "Stable Diffusion XL: network calls", "benchmarks.gpu.parts.calls:sdxl", 75),
    Part("sd15-loop", "Stable Diffusion 1.5: time outside the networks", "benchmarks.gpu.parts.images:loop", 60),
    Part("sdxl-diffusers", "Stable Diffusion XL: diffusers alone", "benchmarks.gpu.parts.peers:sdxl", 45),
    Part(
        "sd15-compiled", "Stable Diffusion 1.5: compiled calls", "benchmarks.gpu.parts.calls:sd15_compiled", 120, True
    ),
    Part(
        "sd15-diffusers-compiled",
        "Stable Diffusion 1.5: diffusers compiled",
        "benchmarks.gpu.parts.peers:compiled",
        90,
        True,
    ),
    Part("sdxl-compiled", "Stable Diffusion XL: compiled calls", "benchmarks.gpu.parts.calls:sdxl_compiled", 150, True),
    Part(TRAINING, "Training the bundled model on", "benchmarks.gpu.parts.training:run", float("inf")),
)
"""A part's limit keeps one that is slow from taking the time of all that follow."""


def choose(names: Sequence[str], *, train: bool, dry_run: bool) -> list[Part]:
    """Return the named parts, or those of the whole day, in the order of `PARTS`. Raises `ValueError`."""
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        raise ValueError(f"there is no part {', '.join(sorted(unknown))}")
    if names:
        return [part for part in PARTS if part.name in names]
    return [part for part in PARTS if (train or part.name != TRAINING) and not (dry_run and part.compiles)]
