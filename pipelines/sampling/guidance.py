"""Classifier-free guidance (arXiv:2207.12598) of many images at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.transfers import upload


def guide(outputs: Sequence[Tensor], scales: Sequence[float]) -> Tensor:
    """Return the guided outputs of all images, [images, C, h, w].

    An output is [rows, C, h, w]: the rows of the negative prompt and the prompt, or one row, which stays as it is.
    """
    negative = torch.cat([output[:1] for output in outputs])
    prompt = torch.cat([output[-1:] for output in outputs])
    scale = upload(torch.tensor(scales), negative.device)[:, None, None, None]
    return torch.addcmul(negative, scale, prompt - negative)
