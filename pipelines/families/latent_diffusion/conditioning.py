"""The conditioning of UNet rows, and the interface of a family's text side, which makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.runtime.networks import Networks


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The inputs of some rows of a UNet call, besides latents and timestep."""

    hidden: Tensor
    """[rows, tokens, features], in the UNet's dtype."""
    added: Mapping[str, Tensor] = field(default_factory=dict)
    """Further inputs by name, [rows, ...] each: those of `Networks.added_inputs`."""

    @property
    def rows(self) -> int:
        return len(self.hidden)

    @classmethod
    def concatenate(cls, parts: Sequence[Conditioning]) -> Conditioning:
        """Return the rows of all parts, which have the same inputs, in their order."""
        added = {name: torch.cat([part.added[name] for part in parts]) for name in parts[0].added}
        return cls(torch.cat([part.hidden for part in parts]), added)

    def split(self) -> list[Conditioning]:
        """Return each row alone, as a copy that does not hold the others in memory."""
        return [
            Conditioning(
                self.hidden[row : row + 1].clone(),
                {name: each[row : row + 1].clone() for name, each in self.added.items()},
            )
            for row in range(self.rows)
        ]


class Conditioner(Protocol):
    """How a family's models are conditioned."""

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        """Encode texts in one batched call, one row each. What depends on the image besides its texts comes later."""

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        """Return all rows of an image, which has these texts, with what depends on its other parameters."""
