"""The conditioning of UNet rows, and the interface of a family's text side, which makes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from pipelines.interface import TextKey
from pipelines.params import GenerationParams
from pipelines.prompts.lengths import TextLength
from pipelines.runtime.networks import Networks


@dataclass(frozen=True, slots=True)
class Conditioning:
    """The inputs of some rows of a UNet call, besides latents and timestep."""

    hidden: Tensor
    """[rows, tokens, features], in the UNet's dtype."""
    added: Mapping[str, Tensor] = field(default_factory=dict)
    """Further inputs by name, [rows, ...] each: those of `Networks.added_inputs`."""
    lengths: tuple[TextLength, ...] = ()
    """For each row, how much of its text was read. Empty where the rows were not made from texts alone."""
    mask: Tensor | None = None
    """[rows, tokens], in the dtype of `hidden`: 1 for a token and 0 for padding. None where no row has padding."""

    @property
    def rows(self) -> int:
        return len(self.hidden)

    @classmethod
    def concatenate(cls, parts: Sequence[Conditioning]) -> Conditioning:
        """Return the rows of all parts, which have the same further inputs, in their order.

        Where the parts have different numbers of tokens, the shorter ones are padded to the longest.
        """
        tokens = max(part.hidden.shape[1] for part in parts)
        if any(part.mask is not None or part.hidden.shape[1] < tokens for part in parts):
            parts = [part.padded(tokens) for part in parts]
        masks = [part.mask for part in parts if part.mask is not None]
        return cls(
            torch.cat([part.hidden for part in parts]),
            {name: torch.cat([part.added[name] for part in parts]) for name in parts[0].added},
            tuple(length for part in parts for length in part.lengths),
            torch.cat(masks) if masks else None,
        )

    def padded(self, tokens: int) -> Conditioning:
        """Return the rows with zeros up to that number of tokens, and a mask that hides them from the UNet."""
        mask = self.hidden.new_ones(self.hidden.shape[:2]) if self.mask is None else self.mask
        missing = tokens - self.hidden.shape[1]
        hidden = torch.nn.functional.pad(self.hidden, (0, 0, 0, missing))
        return replace(self, hidden=hidden, mask=torch.nn.functional.pad(mask, (0, missing)))

    def split(self) -> list[Conditioning]:
        """Return each row alone, as a copy that does not hold the others in memory."""
        return [
            Conditioning(
                self.hidden[row : row + 1].clone(),
                {name: each[row : row + 1].clone() for name, each in self.added.items()},
                self.lengths[row : row + 1],
                None if self.mask is None else self.mask[row : row + 1].clone(),
            )
            for row in range(self.rows)
        ]


class Conditioner(Protocol):
    """Makes the conditioning of a family's models."""

    def encode(self, networks: Networks, texts: Sequence[TextKey]) -> list[Conditioning]:
        """Encode texts in one batched call, one row each, with `Conditioning.lengths`.

        `condition` adds what depends on the image's other parameters. Rows may have different numbers of tokens.
        """

    def condition(self, params: GenerationParams, texts: Sequence[Conditioning]) -> Conditioning:
        """Return all rows of an image, which has these texts, with what depends on its other parameters."""
