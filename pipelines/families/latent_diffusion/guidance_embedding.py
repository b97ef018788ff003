"""Guidance as an input of the UNet, as latent consistency models take it (arXiv:2310.04378): one row for each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from pipelines.families.latent_diffusion.conditioning import Conditioner, Conditioning
from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks
from pipelines.transfers import upload

TIMESTEP_COND: Final = "timestep_cond"
_LONGEST_PERIOD: Final = 10_000.0
_SCALE: Final = 1000.0


class GuidanceEmbedding:
    """Implements `conditioning.Conditioner` by that of a family, to which it adds the guidance scale of an image."""

    def __init__(self, family: Conditioner, width: int) -> None:
        """`width` is how many numbers the UNet takes for a guidance scale."""
        self._family = family
        self._width = width

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        return self._family.encode(networks, texts)

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        rows = self._family.condition(params, texts)
        embedding = embed_guidance(params.guidance_scale, self._width).expand(rows.rows, -1)
        on_device = upload(embedding.contiguous(), rows.hidden.device).to(rows.hidden.dtype)
        return replace(rows, added={**rows.added, TIMESTEP_COND: on_device})


def embed_guidance(scale: float, width: int) -> Tensor:
    """Return sines and cosines of the guidance scale minus one, [1, width] in float32 on the CPU.

    The paper's scale counts from 0 where there is no guidance, and ours from 1.
    """
    half = width // 2
    periods = torch.exp(torch.arange(half) * -(torch.log(torch.tensor(_LONGEST_PERIOD)) / (half - 1)))
    angles = torch.tensor(scale - 1) * _SCALE * periods
    waves = torch.cat([angles.sin(), angles.cos()])
    return torch.nn.functional.pad(waves, (0, width - 2 * half))[None]
