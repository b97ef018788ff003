"""Guidance is the formula of each image, whatever the others of the call are."""

from __future__ import annotations

import torch

from pipelines.sampling.guidance import guide


def test_images_with_and_without_guidance_are_guided_together() -> None:
    guided, plain = torch.randn(2, 4, 6, 8), torch.randn(1, 4, 6, 8)

    results = guide([guided, plain], [7.5, 1.0], [0.0, 0.0])

    torch.testing.assert_close(results[0], guided[0] + 7.5 * (guided[1] - guided[0]))
    assert torch.equal(results[1], plain[0])


def test_no_bit_depends_on_the_others_of_the_call() -> None:
    outputs = [torch.randn(2, 4, 5, 7) for _ in range(5)]
    scales, rescales = [1.5, 3.0, 7.5, 12.0, 30.0], [0.0, 0.7, 0.0, 1.0, 0.2]

    together = guide(outputs, scales, rescales)

    for output, scale, rescale, result in zip(outputs, scales, rescales, together, strict=True):
        assert torch.equal(guide([output], [scale], [rescale])[0], result)
