"""A single file becomes the pipeline that its folder becomes: equal weights, and equal latents to the bit."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import diffusers
import pytest
import torch
import transformers

from pipelines.checkpoints import inspection, loader, sources
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.params import GenerationParams
from tests.harness.engine.uploads import IMAGE
from tests.harness.models import denoising, original_layout, tiny_model
from tests.harness.models.zoo.architectures import SIDE
from tests.pipelines.checkpoints.single_file.conftest import ARCHITECTURES, GetFolder, MakeFile

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
    image = IMAGE if "image" in pipeline.info.required_inputs else None
    params = [dataclasses.replace(each, image=image) for each in PARAMS]
    return torch.cat([state.latents for state in denoising.finish_joined(pipeline, params)])


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


@pytest.mark.parametrize("kind", ["sd15", "sdxl", "instruct_pix2pix"])
def test_a_file_makes_the_images_of_its_folder(
    kind: str, file_of: MakeFile, folder_of: GetFolder, connections: list[str]
) -> None:
    ours, theirs = load(file_of(kind)), load(folder_of(kind))
    assert connections == []
    assert torch.equal(latents(ours), latents(theirs))


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_a_file_is_served_as_its_folder_is(kind: str, file_of: MakeFile, folder_of: GetFolder) -> None:
    ours, theirs = (
        loader.describe(inspection.inspect(sources.find(str(path))), device="cpu")
        for path in (file_of(kind), folder_of(kind))
    )
    assert dataclasses.replace(ours, name=theirs.name, fingerprint=theirs.fingerprint) == theirs


@pytest.mark.parametrize("channels", [4, 8])
def test_a_file_with_nothing_beside_it_is_read_by_its_shapes(tmp_path: Path, channels: int) -> None:
    folder = write_narrow(tmp_path / "narrow", channels)
    path = original_layout.write(folder, tmp_path / "x.safetensors", "sd1", dtype=torch.float16)
    loaded = load(path)
    assert loaded.info.reads_image == (channels == 8)
    networks = loaded._networks
    for part, network in (("unet", networks.unet), ("vae", networks.vae), ("text_encoder", networks.text_encoder)):
        expected = type(network).from_pretrained(folder / part).state_dict()
        own = network.state_dict()
        assert own.keys() == expected.keys()
        assert [name for name in expected if not torch.equal(own[name], expected[name].half().float())] == []


def write_narrow(folder: Path, channels: int) -> Path:
    """Write the networks of Stable Diffusion 1.x as narrow as its numbers of heads and groups allow.

    `channels` are those of the UNet's input.
    """
    with torch.random.fork_rng():
        torch.manual_seed(0)
        diffusers.UNet2DConditionModel(
            sample_size=8,
            in_channels=channels,
            block_out_channels=(32, 64, 64, 64),
            cross_attention_dim=64,
            attention_head_dim=8,
        ).save_pretrained(folder / "unet")
        diffusers.AutoencoderKL(
            block_out_channels=(32, 32, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
        ).save_pretrained(folder / "vae")
        transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                hidden_size=64, intermediate_size=128, num_attention_heads=1, num_hidden_layers=2
            )
        ).save_pretrained(folder / "text_encoder")
    return folder


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
