"""A call that does not fit in the device's memory is made in parts, with the same results. The limit is a real one."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pipelines.families.latent_diffusion.conditioning import Conditioning
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.families.latent_diffusion.state import LatentState
from pipelines.interface import Pipeline, RgbImage
from pipelines.params import GenerationParams
from pipelines.progress import unreported
from service.engine.config import WorkerConfig
from service.engine.worker.__main__ import open_models
from service.engine.worker.device import Device
from service.engine.worker.fault_isolation import Fault, FaultIsolation
from tests.harness.models.denoising import finish
from tests.harness.models.tiny_model import begin

PARAMS = GenerationParams(prompt="a fox", width=128, height=128, steps=1, guidance_scale=4.0, seed=0, sampler="euler")
IMAGES = 256
SMALL = 4
"""Images that must fit at once."""


@pytest.fixture(scope="module")
def served(device: str, model_folder: Path) -> tuple[LatentDiffusion, Device]:
    """The pipeline, and the functions by which a worker knows its device."""
    opened = open_models(WorkerConfig(model=str(model_folder), device=device, dtype="float32"), report=unreported)
    pipeline = opened.store.load(opened.models[0].name, unreported)
    assert isinstance(pipeline, LatentDiffusion)
    return pipeline, opened.device


def begin_many(pipeline: LatentDiffusion) -> list[LatentState]:
    return [begin(pipeline, replace(PARAMS, seed=seed)) for seed in range(IMAGES)]


def peak_bytes(gpu: torch.device, call: Callable[[], object]) -> int:
    """Return the most memory that was reserved during the call."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(gpu)
    call()
    torch.cuda.synchronize(gpu)
    return torch.cuda.max_memory_reserved(gpu)


def fill(gpu: torch.device) -> list[torch.Tensor]:
    """Take what memory this process may still have, in blocks of every kind that PyTorch's allocator keeps apart."""
    taken: list[torch.Tensor] = []
    for block_bytes in (16 << 20, 1 << 20, 64 << 10, 512):
        with contextlib.suppress(torch.OutOfMemoryError):
            while True:
                taken.append(torch.empty(block_bytes, dtype=torch.uint8, device=gpu))
    return taken


@contextmanager
def limited(gpu: torch.device, limit_bytes: int) -> Iterator[None]:
    """Let this process reserve no more than that much memory of the device."""
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(limit_bytes / torch.cuda.get_device_properties(gpu).total_memory, gpu)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, gpu)


def check_parts(
    gpu: torch.device,
    device: Device,
    call: Callable[[Sequence[LatentState]], Sequence[Tensor | RgbImage]],
    states: Sequence[LatentState],
) -> list[Tensor | RgbImage]:
    """Make the call under a limit a quarter of the way from what few states take to what all take."""
    few, many = (peak_bytes(gpu, functools.partial(call, states[:count])) for count in (SMALL, IMAGES))
    sizes: list[int] = []

    def noted(part: Sequence[LatentState]) -> Sequence[Tensor | RgbImage]:
        sizes.append(len(part))
        return call(part)

    with limited(gpu, few + (many - few) // 4):
        results = FaultIsolation(device).run(noted, states)
    assert sizes[0] == IMAGES
    assert len(sizes) > 1, "all of it fitted"
    return [result for result in results if not isinstance(result, Fault)]


def test_a_unet_call_beyond_the_memory_is_made_in_parts(
    served: tuple[LatentDiffusion, Device], gpu: torch.device
) -> None:
    pipeline, device = served
    states = begin_many(pipeline)
    whole = pipeline.predict(states)

    parts = check_parts(gpu, device, pipeline.predict, states)

    for part, expected in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, expected, rtol=1e-3, atol=1e-3)


def test_a_decode_beyond_the_memory_is_made_in_parts(served: tuple[LatentDiffusion, Device], gpu: torch.device) -> None:
    pipeline, device = served
    states = begin_many(pipeline)
    finish(pipeline, states)
    whole = pipeline.decode(states)

    parts = check_parts(gpu, device, pipeline.decode, states)

    for part, expected in zip(parts, whole, strict=True):
        assert isinstance(part, RgbImage)
        assert max(abs(a - b) for a, b in zip(part.pixels, expected.pixels, strict=True)) <= 1


def test_an_image_that_fits_in_no_way_fails_and_the_next_call_succeeds(
    served: tuple[LatentDiffusion, Device], gpu: torch.device
) -> None:
    pipeline, device = served
    states: list[LatentState] = begin_many(pipeline)[:1]
    typed: Pipeline[Conditioning, LatentState, Tensor] = pipeline

    torch.cuda.empty_cache()
    with limited(gpu, torch.cuda.memory_reserved(gpu)):
        taken = fill(gpu)
        (result,) = FaultIsolation(device).run(typed.predict, states)
    taken.clear()
    (after,) = FaultIsolation(device).run(typed.predict, states)

    assert isinstance(result, Fault)
    assert result.code == "out_of_memory"
    assert isinstance(after, Tensor)
