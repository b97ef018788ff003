"""Guidance is the formula of each image, whatever the others of the call are."""

from __future__ import annotations

import torch

from pipelines.sampling.guidance import guide


def test_images_with_and_without_guidance_are_guided_together() -> None:
    guided, plain = torch.randn(2, 4, 6, 8), torch.randn(1, 4, 6, 8)

    results = guide([guided, plain], [7.5, 1.0], [0.0, 0.0])

    torch.testing.assert_close(results[0], guided[0] + 7.5 * (guided[1] - guided[0]))
    assert torch.equal(results[1], plain[0])


def test_edits_of_three_two_and_one_row_are_guided_together() -> None:
    three, two, one = torch.randn(3, 4, 6, 8), torch.randn(2, 4, 6, 8), torch.randn(1, 4, 6, 8)

    results = guide([three, two, one], [7.5, 2.0, 1.0], [0.0] * 3, [1.5, 1.0, 1.5])

    by_paper = three[0] + 1.5 * (three[1] - three[0]) + 7.5 * (three[2] - three[1])
    torch.testing.assert_close(results[0], by_paper)
    torch.testing.assert_close(results[1], two[0] + 2.0 * (two[1] - two[0]))
    assert torch.equal(results[2], one[0])


def test_an_edit_is_rescaled_to_the_deviation_of_the_prompts_row() -> None:
    output = torch.randn(3, 4, 6, 8) * torch.tensor([5.0, 3.0, 0.5]).view(-1, 1, 1, 1)

    (guided,) = guide([output], [7.5], [1.0], [1.5])

    torch.testing.assert_close(guided.std(), output[2].std())


def test_no_bit_of_an_edit_depends_on_the_others_of_the_call() -> None:
    outputs = [torch.randn(rows, 4, 5, 7) for rows in (3, 1, 2, 3)]
    scales, image_scales = [7.5, 1.0, 3.0, 12.0], [1.5, 1.5, 1.0, 4.0]

    together = guide(outputs, scales, [0.0] * 4, image_scales)

    for output, scale, image_scale, result in zip(outputs, scales, image_scales, together, strict=True):
        assert torch.equal(guide([output], [scale], [0.0], [image_scale])[0], result)


def test_no_bit_depends_on_the_others_of_the_call() -> None:
    outputs = [torch.randn(2, 4, 5, 7) for _ in range(5)]
    scales, rescales = [1.5, 3.0, 7.5, 12.0, 30.0], [0.0, 0.7, 0.0, 1.0, 0.2]

    together = guide(outputs, scales, rescales)

    for output, scale, rescale, result in zip(outputs, scales, rescales, together, strict=True):
        assert torch.equal(guide([output], [scale], [rescale])[0], result)
