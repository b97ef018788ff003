"""An untrained autoencoder gets the lowest score."""

from __future__ import annotations

import torch

from pipelines.training.evaluation.scores import reconstruction_score
from pipelines.training.scenes import domain
from pipelines.training.stages.autoencoder import (
    new_autoencoder,
)


def test_an_untrained_autoencoder_scores_zero() -> None:
    torch.manual_seed(0)
    assert reconstruction_score(new_autoencoder().eval(), 4, *domain.SIZES[0]) == 0
