"""A decoder decodes in its own dtype or a wider one, in slices and tiles where there are too many pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from pipelines.runtime import latent_decoder
from pipelines.runtime.batching import Unpadded
from pipelines.runtime.latent_decoder import ENCODING_PARTS, LatentDecoder
from tests.harness.models import tiny_model


class RecordingVae:
    """Stands for an autoencoder of two levels. It records the latents that it decodes, and enlarges them."""

    dtype = torch.float32
    device = torch.device("cpu")

    def __init__(self, **config: Any) -> None:
        defaults = {"scaling_factor": 1.0, "shift_factor": None, "latents_mean": None, "latents_std": None}

        class Config(dict[str, Any]):
            __getattr__ = dict.__getitem__

        self.config = Config({**defaults, "block_out_channels": (8, 8), "force_upcast": True, **config})
        self.calls: list[Tensor] = []

    def decode(self, latents: Tensor, return_dict: bool) -> tuple[Tensor]:
        self.calls.append(latents)
        return (latents[:, :3].repeat_interleave(2, 2).repeat_interleave(2, 3),)


def shapes(vae: RecordingVae) -> list[tuple[int, ...]]:
    return [(len(call), *call.shape[2:]) for call in vae.calls]


@pytest.mark.parametrize(
    ("max_pixels", "expected"),
    [
        (None, [(3, 80, 100)]),
        (2 * 160 * 200, [(2, 80, 100), (1, 80, 100)]),
        (160 * 200, [(1, 80, 100)] * 3),
        (160 * 200 - 1, [(1, 64, 64)] * 12),
    ],
)
def test_a_batch_of_too_many_pixels_is_sliced_and_an_image_is_tiled(
    max_pixels: int | None, expected: list[tuple[int, ...]]
) -> None:
    vae = RecordingVae()
    latents = torch.randn(3, 4, 80, 100)

    images = LatentDecoder(vae, Unpadded(), max_pixels=max_pixels).decode(latents)

    assert shapes(vae) == expected
    torch.testing.assert_close(images, RecordingVae().decode(latents, return_dict=False)[0])


def test_tiles_can_be_asked_for_below_the_limit() -> None:
    vae = RecordingVae()

    LatentDecoder(vae, Unpadded()).decode(torch.randn(1, 4, 100, 64), tiled=True)

    assert shapes(vae) == [(1, 64, 64)] * 2


def test_latents_are_brought_to_the_autoencoders_mean_and_deviation() -> None:
    """Diffusers' pipeline for Stable Diffusion XL does so. Playground 2.5 has such a configuration."""
    vae = RecordingVae(scaling_factor=0.5, latents_mean=[1.0, -1.0, 0.0, 2.0], latents_std=[2.0, 1.0, 3.0, 1.0])

    LatentDecoder(vae, Unpadded()).decode(torch.ones(1, 4, 1, 1))

    assert vae.calls[0].flatten().tolist() == [5.0, 1.0, 6.0, 4.0]


@pytest.fixture
def half(model_folder: Path) -> AutoencoderKL:
    return AutoencoderKL.from_pretrained(model_folder / "vae", torch_dtype=torch.float16)


def test_the_wider_copy_is_made_once_and_has_no_encoder(half: AutoencoderKL) -> None:
    decoder = LatentDecoder(half, Unpadded())
    latents = torch.randn(1, 4, 8, 8)

    images = [decoder.decode(latents, wide=True) for _ in range(2)]

    assert [image.dtype for image in images] == [torch.float32] * 2
    copy = decoder._half.wide()
    assert copy is decoder._half.wide()
    kinds = {name.partition(".")[0]: parameter.dtype for name, parameter in copy.named_parameters()}
    assert kinds == {"decoder": torch.float32, "post_quant_conv": torch.float32}
    assert half.decoder.conv_in.weight.dtype is torch.float16
    assert {name.partition(".")[0] for name, _ in half.named_parameters()} > kinds.keys()


def test_a_widened_autoencoder_decodes_as_one_that_was_loaded_so(half: AutoencoderKL, model_folder: Path) -> None:
    wide = latent_decoder.widened(half, torch.float32, without=ENCODING_PARTS)
    loaded = half.from_pretrained(model_folder / "vae", torch_dtype=torch.float16).float()
    latents = torch.randn(1, 4, 8, 8)

    with torch.inference_mode():
        assert torch.equal(wide.decode(latents).sample, loaded.decode(latents).sample)


@pytest.mark.parametrize(
    ("configured", "dtype", "wide"),
    [
        (True, torch.float16, True),
        (True, torch.bfloat16, False),
        (False, torch.float16, False),
        (None, torch.float16, False),
    ],
)
def test_force_upcast_is_honored_in_float16_where_the_configuration_has_it(
    model_folder: Path, tmp_path: Path, configured: bool | None, dtype: torch.dtype, wide: bool
) -> None:
    folder = tiny_model.copy(model_folder / "vae", tmp_path / "vae")
    config = tiny_model.read_json(folder / "config.json")
    config.pop("force_upcast")
    tiny_model.write_json(
        folder / "config.json", config if configured is None else {**config, "force_upcast": configured}
    )
    vae = AutoencoderKL.from_pretrained(folder, torch_dtype=dtype)

    decoder = LatentDecoder(vae, Unpadded())

    assert decoder.always_wide == wide
    assert decoder.decode(torch.zeros(1, 4, 8, 8)).dtype is (torch.float32 if wide else dtype)
