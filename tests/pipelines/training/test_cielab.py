"""Colors become the published CIELAB values, from bytes and from tensors."""

from __future__ import annotations

import numpy as np
import torch

from pipelines.training.cielab import distance, to_lab
from pipelines.training.stages.autoencoder import (
    to_tensor,
)


def test_known_colors_have_their_published_lab_values() -> None:
    lab = to_lab(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], dtype=np.uint8))[0]
    expected = np.array([[100.0, 0.0, 0.0], [0.0, 0.0, 0.0], [53.24, 80.09, 67.20]])
    np.testing.assert_allclose(lab, expected, atol=0.02)


def test_the_tensor_distance_equals_that_of_bytes_and_has_finite_gradients() -> None:
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 256, (1, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    one[0, 0] = 0
    pixels = to_tensor(one).requires_grad_()
    apart = distance(pixels, to_tensor(other))

    expected = np.linalg.norm(to_lab(one) - to_lab(other), axis=-1)
    np.testing.assert_allclose(apart.detach().numpy(), expected, atol=0.05)
    for compared in (apart, distance(pixels, pixels.detach())):
        (gradient,) = torch.autograd.grad(compared.sum(), pixels, retain_graph=True)
        assert torch.isfinite(gradient).all()
