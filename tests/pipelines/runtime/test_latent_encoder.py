"""An encoder gives the distribution that diffusers' autoencoder gives, in slices and tiles, and wider on overflow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pipelines.errors import NonFiniteError
from pipelines.runtime.batching import Unpadded
from pipelines.runtime.latent_encoder import LatentEncoder
from tests.harness.models import tiny_model


@pytest.fixture(scope="module")
def vae(model_folder: Path) -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(model_folder / "vae").eval()


def images(count: int = 1, height: int = 64, width: int = 64) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator("cpu").manual_seed(count)) * 2 - 1


@torch.inference_mode()
def theirs(vae: AutoencoderKL, pixels: Tensor, seed: int = 3) -> Tensor:
    """Return the latents that diffusers' image-to-image pipelines draw."""
    latents: Tensor = vae.encode(pixels).latent_dist.sample(torch.Generator("cpu").manual_seed(seed))
    return latents * float(vae.config.scaling_factor)


def test_a_sample_is_the_one_that_diffusers_draws(vae: AutoencoderKL) -> None:
    pixels = images()

    posterior = LatentEncoder(vae, Unpadded()).encode(pixels)

    torch.testing.assert_close(posterior.sample(torch.Generator("cpu").manual_seed(3)), theirs(vae, pixels))


def test_an_image_has_the_same_distribution_beside_others(vae: AutoencoderKL) -> None:
    pixels = images(3)
    encoder = LatentEncoder(vae, Unpadded(), max_pixels=2 * 64 * 64)

    together = encoder.encode(pixels)

    for index in range(3):
        alone = encoder.encode(pixels[index : index + 1])
        torch.testing.assert_close(together.row(index).mean, alone.mean)
        torch.testing.assert_close(together.row(index).deviation, alone.deviation)


def test_a_row_does_not_hold_the_batch_in_memory(vae: AutoencoderKL) -> None:
    row = LatentEncoder(vae, Unpadded()).encode(images(3)).row(1)

    assert row.mean.untyped_storage().nbytes() == row.mean.nbytes
    assert row.nbytes == 2 * row.mean.nbytes


class RecordingVae:
    """Stands for an autoencoder of two levels. Its moments are the mean color of four pixels."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, **config: Any) -> None:
        class Config(dict[str, Any]):
            __getattr__ = dict.__getitem__

        defaults = {"scaling_factor": 1.0, "shift_factor": None, "latents_mean": None, "latents_std": None}
        self.config = Config({**defaults, "block_out_channels": (8, 8), "force_upcast": True, **config})
        self.calls: list[tuple[int, ...]] = []

    def encode(self, pixels: Tensor, return_dict: bool) -> tuple[Any]:
        self.calls.append((len(pixels), *pixels.shape[2:]))
        means = torch.nn.functional.avg_pool2d(pixels, 2).mean(1, keepdim=True)
        moments = torch.cat([means.expand(-1, 4, -1, -1), torch.zeros_like(means).expand(-1, 4, -1, -1)], 1)
        return (type("Distribution", (), {"parameters": moments}),)


def test_a_large_image_is_encoded_in_tiles() -> None:
    vae = RecordingVae()
    pixels = images(1, 200, 160)

    posterior = LatentEncoder(vae, Unpadded(), max_pixels=200 * 160 - 1).encode(pixels)

    assert vae.calls == [(1, 128, 128)] * 4
    torch.testing.assert_close(posterior.mean, LatentEncoder(RecordingVae(), Unpadded()).encode(pixels).mean)


def test_an_encode_that_is_asked_to_take_less_memory_takes_one_tile_of_one_image_at_a_time() -> None:
    vae = RecordingVae()
    pixels = images(2, 200, 160)

    posterior = LatentEncoder(vae, Unpadded()).encode(pixels, tiled=True)

    assert vae.calls == [(1, 128, 128)] * 8
    torch.testing.assert_close(posterior.mean, LatentEncoder(RecordingVae(), Unpadded()).encode(pixels).mean)


def test_latents_get_the_mean_and_deviation_that_the_unet_knows() -> None:
    """Diffusers' image-to-image pipeline for Stable Diffusion XL does so."""
    vae = RecordingVae(scaling_factor=0.5, latents_mean=[1.0, -1.0, 0.0, 2.0], latents_std=[2.0, 1.0, 4.0, 1.0])

    posterior = LatentEncoder(vae, Unpadded()).encode(torch.ones(1, 3, 2, 2))

    assert posterior.mean.flatten().tolist() == [0.0, 1.0, 0.125, -0.5]
    assert posterior.deviation.flatten().tolist() == [0.25, 0.5, 0.125, 0.5]


def test_the_mean_is_given_as_the_autoencoder_gives_it_too() -> None:
    vae = RecordingVae(scaling_factor=0.5, latents_mean=[1.0, -1.0, 0.0, 2.0], latents_std=[2.0, 1.0, 4.0, 1.0])
    encoder = LatentEncoder(vae, Unpadded())

    assert encoder.unscaled_mean(encoder.encode(torch.ones(1, 3, 2, 2))).flatten().tolist() == [1.0] * 4


@pytest.fixture
def hot(model_folder: Path, tmp_path: Path) -> AutoencoderKL:
    """A float16 autoencoder whose encoder overflows."""
    folder = tiny_model.copy(model_folder / "vae", tmp_path / "vae")
    tiny_model.edit_json(folder / "config.json", force_upcast=False)
    vae = AutoencoderKL.from_pretrained(folder)
    weight = vae.encoder.conv_in.weight
    weight.data *= 6e4 / weight.abs().max()
    return vae.half().eval()


def test_an_image_that_overflows_is_encoded_in_a_wider_dtype(hot: AutoencoderKL) -> None:
    pixels = torch.cat([images(), torch.zeros(1, 3, 64, 64)])
    encoder = LatentEncoder(hot, Unpadded())

    posterior = encoder.encode(pixels)

    with torch.inference_mode():
        torch.testing.assert_close(posterior.row(0).mean, encoder._encode(pixels[:1], wide=True, tiled=False)[0])
        plain = encoder._encode(pixels[1:], wide=False, tiled=False)[0]
        torch.testing.assert_close(posterior.row(1).mean, plain, rtol=0, atol=1e-3)


def test_an_image_that_overflows_there_too_is_named(vae: AutoencoderKL) -> None:
    pixels = torch.cat([images(), torch.full((1, 3, 64, 64), torch.nan)])

    with pytest.raises(NonFiniteError) as error:
        LatentEncoder(vae, Unpadded()).encode(pixels)

    assert error.value.positions == (1,)


def test_force_upcast_encodes_in_float32(model_folder: Path, tmp_path: Path) -> None:
    folder = tiny_model.copy(model_folder / "vae", tmp_path / "vae")
    tiny_model.edit_json(folder / "config.json", force_upcast=True)
    half = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float16).eval()

    posterior = LatentEncoder(half, Unpadded()).encode(images())

    wide = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float16).float().eval()
    torch.testing.assert_close(posterior.sample(torch.Generator("cpu").manual_seed(3)), theirs(wide, images()))
