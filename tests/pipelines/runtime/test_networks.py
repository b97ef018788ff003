"""The networks get inputs in their own dtype and memory format, and return float32 predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.runtime.batching import BatchingByNetwork, Padded
from pipelines.runtime.networks import Networks
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import TOKENS


class RecordingUnet:
    """Records its inputs and returns the sample."""

    def __init__(self) -> None:
        self.calls: list[tuple[Tensor, Tensor, Tensor]] = []
        self.added: list[dict[str, Any]] = []

    def __call__(
        self, sample: Tensor, timestep: Tensor, *, encoder_hidden_states: Tensor, return_dict: bool, **added: Any
    ) -> tuple[Tensor, ...]:
        self.calls.append((sample, timestep, encoder_hidden_states))
        self.added.append(added)
        return (sample,)


@pytest.fixture(scope="module")
def half(model_folder: Path) -> Networks:
    return tiny_model.load(model_folder, dtype="bfloat16")._networks


def test_timesteps_stay_float32_and_predictions_are_float32_in_any_dtype(half: Networks) -> None:
    denoiser = RecordingUnet()
    networks = Networks(text_encoder=half.text_encoder, unet=half.unet, vae=half.vae, denoiser=denoiser)

    output = networks.denoise(torch.ones(2, 4, 8, 8), torch.tensor([999.0, 1.0]), torch.zeros(2, TOKENS, 16))

    ((sample, timesteps, _),) = denoiser.calls
    assert sample.dtype is torch.bfloat16
    assert sample.is_contiguous(memory_format=torch.channels_last)
    assert timesteps.dtype is torch.float32
    assert timesteps.tolist() == [999.0, 1.0]
    assert output.dtype is torch.float32
    assert output.is_contiguous()


def test_added_inputs_reach_the_unet_under_their_names(half: Networks) -> None:
    denoiser = RecordingUnet()
    inputs = {"time_ids": 6, "timestep_cond": 6, "text_embeds": 6}
    networks = Networks(
        text_encoder=half.text_encoder, unet=half.unet, vae=half.vae, denoiser=denoiser, added_inputs=inputs
    )
    added = [torch.full((2, 6), float(n)) for n in range(3)]

    networks.denoise(torch.ones(2, 4, 8, 8), torch.ones(2), torch.zeros(2, TOKENS, 16), *added)

    (given,) = denoiser.added
    assert given["added_cond_kwargs"] == {"time_ids": added[0], "text_embeds": added[2]}
    assert given["timestep_cond"] is added[1]


def test_a_mask_reaches_the_unet_padded_like_the_other_inputs_and_none_is_given_without_one(half: Networks) -> None:
    denoiser = RecordingUnet()
    networks = Networks(
        text_encoder=half.text_encoder,
        unet=half.unet,
        vae=half.vae,
        denoiser=denoiser,
        batching=BatchingByNetwork(rows=Padded([4])),
        added_inputs={"timestep_cond": 6},
    )
    mask = torch.ones(2, TOKENS)
    inputs = torch.ones(2, 4, 8, 8), torch.ones(2), torch.zeros(2, TOKENS, 16), torch.ones(2, 6)

    networks.denoise(*inputs, mask=mask)
    networks.denoise(*inputs)

    masked, plain = denoiser.added
    assert masked["encoder_attention_mask"].sum(1).tolist() == [TOKENS, TOKENS, 0, 0]
    assert set(plain) == {"timestep_cond"}


@pytest.mark.parametrize("configured", [False, True])
def test_the_attention_mask_is_used_only_if_the_text_encoder_is_configured_for_it(
    pipeline: LatentDiffusion, configured: bool
) -> None:
    masks: list[Tensor | None] = []

    class TextEncoder:
        class config:  # noqa: N801 -- as in transformers
            use_attention_mask = configured

        def __call__(self, tokens: Tensor, attention_mask: Tensor | None) -> list[Tensor]:
            masks.append(attention_mask)
            return [torch.zeros(*tokens.shape, 16)]

    own = pipeline._networks
    text_encoder: Any = TextEncoder()
    networks = Networks(text_encoder=text_encoder, unet=own.unet, vae=own.vae)

    networks.encode(torch.zeros(1, TOKENS, dtype=torch.int64), torch.ones(1, TOKENS))

    assert [mask is not None for mask in masks] == [configured]


def test_an_upcast_copy_is_one_dtype_wider_and_leaves_the_original_alone(half: Networks) -> None:
    wider = half.upcast()

    assert (wider.dtype, wider.upcast().dtype) == (torch.float32, torch.float64)
    assert half.unet.dtype is torch.bfloat16


def test_a_latent_has_eight_pixels_in_width_and_in_height(pipeline: LatentDiffusion) -> None:
    assert pipeline._networks.scale == 8
    assert pipeline._networks.decode(torch.zeros(1, 4, 6, 5)).shape == (1, 3, 48, 40)
