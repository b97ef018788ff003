"""A single file becomes the pipeline that its folder becomes: equal weights, and equal latents to the bit."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipelines.checkpoints import loader
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from tests.harness.models import denoising, original_layout, tiny_model
from tests.harness.models.zoo.architectures import SIDE
from tests.pipelines.checkpoints.single_file.conftest import GetFolder, MakeFile

PARAMS = [
    GenerationParams(
        prompt="a red fox",
        negative_prompt=negative_prompt,
        width=SIDE,
        height=SIDE,
        steps=3,
        guidance_scale=guidance,
        seed=seed,
        sampler="dpm++_2m",
    )
    for seed, (guidance, negative_prompt) in enumerate([(5.0, "fog"), (1.0, "")])
]


def load(path: Path, dtype: str = "float32") -> LatentDiffusion:
    loaded = loader.load(str(path), device="cpu", dtype=dtype)
    assert isinstance(loaded, LatentDiffusion)
    return loaded


def latents(pipeline: LatentDiffusion) -> torch.Tensor:
    return torch.cat([state.latents for state in denoising.finish_joined(pipeline, PARAMS)])


@pytest.fixture
def connections() -> Iterator[list[str]]:
    """The addresses that were looked up or connected to during the test."""
    seen: list[str] = []
    watching = True

    def heed(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event in ("socket.connect", "socket.getaddrinfo"):
            seen.append(f"{event}{arguments}")

    sys.addaudithook(heed)
    yield seen
    watching = False


@pytest.mark.parametrize("kind", ["sd15", "sd21"])
def test_a_file_makes_the_images_of_its_folder(
    kind: str, file_of: MakeFile, folder_of: GetFolder, connections: list[str]
) -> None:
    ours, theirs = load(file_of(kind)), load(folder_of(kind))
    assert connections == []
    assert torch.equal(latents(ours), latents(theirs))
    assert ours.info.default_sampler == theirs.info.default_sampler
    assert (ours.info.sizes, ours.info.limits) == (theirs.info.sizes, theirs.info.limits)


def test_a_file_in_half_precision_is_computed_in_the_dtype_that_is_asked_for(
    folder_of: GetFolder, file_of: MakeFile
) -> None:
    def halve(weights: original_layout.Weights) -> None:
        weights.update({name: weight.half() for name, weight in weights.items()})

    pipeline = load(file_of("sd15", halve))
    weight = pipeline._networks.unet.conv_in.weight
    whole = load(folder_of("sd15"))._networks.unet.conv_in.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, whole.half().float())


def test_the_averaged_weights_are_taken_where_the_settings_say_so(file_of: MakeFile) -> None:
    def average(weights: original_layout.Weights) -> None:
        for name in [name for name in weights if name.startswith(original_layout.UNET)]:
            weights["model_ema." + name.removeprefix("model.").replace(".", "")] = weights[name] * 0.5

    path = file_of("sd15", average)
    plain = load(path)._networks.unet.conv_in.weight
    tiny_model.write_json(path.with_name("x.darkroom.json"), {"ema": True})
    assert torch.equal(load(path)._networks.unet.conv_in.weight, plain * 0.5)
