"""Classifier-free guidance (arXiv:2207.12598) of many images at once, and that of edits (arXiv:2211.09800)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.transfers import upload


def guide(
    outputs: Sequence[Tensor],
    scales: Sequence[float],
    rescales: Sequence[float],
    image_scales: Sequence[float] | None = None,
) -> Tensor:
    """Return the guided outputs of all images, [images, C, h, w].

    An output is [rows, C, h, w]: the rows of the negative prompt and the prompt, or one row, which stays as it is. An
    edit may have a row before them: that of the negative prompt without the image. `rescales` holds the share of each
    image by which its guided output is rescaled, and `image_scales`, for a model that makes edits, the scale by which
    each is guided from the row without the image to that with it (equation 3 of the paper on edits).
    """
    negative = torch.cat([output[-2:][:1] for output in outputs])
    prompt = torch.cat([output[-1:] for output in outputs])
    guided = torch.addcmul(negative, _by_image(scales, negative), prompt - negative)
    if image_scales is not None:
        without_image = torch.cat([output[:1] for output in outputs])
        guided = torch.addcmul(guided, _by_image(image_scales, negative) - 1, negative - without_image)
    return _rescale_each(guided, outputs, rescales) if any(rescales) else guided


def _by_image(numbers: Sequence[float], outputs: Tensor) -> Tensor:
    """Return a number for each image, [images, 1, 1, 1], where `outputs` are."""
    return upload(torch.tensor(numbers), outputs.device)[:, None, None, None]


def _rescale_each(guided: Tensor, outputs: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Rescale the guided predictions of the images that ask for it, each alone.

    A sum over the numbers of several images may be added up in an order that depends on how many there are, and an
    image's bits must not depend on the others.
    """
    images = zip(torch.split(guided, 1), outputs, shares, strict=True)
    return torch.cat(
        [rescale(image, output[-1:], share) if share and len(output) > 1 else image for image, output, share in images]
    )


def rescale(guided: Tensor, prompt: Tensor, share: Tensor | float) -> Tensor:
    """Bring guided predictions part of the way to the deviation of the prompt's own (section 3.4 of arXiv:2305.08891).

    Strong guidance makes predictions larger than those that the model was trained on, which overexposes the image.
    `guided` and `prompt` are [N, C, h, w], and `share` is 0 to 1 or [N, 1, 1, 1]: 0 leaves an image's bits alone, 1
    gives its prediction the prompt's deviation. Deviations are those of each image alone, but libraries may sum them in
    an order that depends on N.
    """
    dimensions = tuple(range(1, guided.dim()))
    ratio = prompt.std(dimensions, keepdim=True) / guided.std(dimensions, keepdim=True)
    # A prediction without deviation cannot be brought to any.
    return guided * (share * ratio.nan_to_num(nan=1.0, posinf=1.0) + (1 - share))
