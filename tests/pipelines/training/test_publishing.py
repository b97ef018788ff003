"""A published model has a card with its scores and its runs, and a map from latents to previews."""

from __future__ import annotations

import torch

from pipelines.training.provenance import TrainingRun
from pipelines.training.publishing import model_card, preview_map, score_table
from pipelines.training.stages.autoencoder import new_autoencoder

SCORES = {"128x128": {"single": 1.0, "count": 0.5}, "160x96": {"single": 0.9, "count": 0.7}}
RECONSTRUCTION = {"128x128": 1.0, "160x96": 0.99}


def test_the_overall_score_is_the_mean_of_the_categories() -> None:
    lines = score_table(SCORES, RECONSTRUCTION, 41.23).splitlines()
    assert lines[0] == "| category | 128x128 | 160x96 |"
    assert lines[3] == "| count | 0.500 | 0.700 |"
    assert lines[4] == "| **overall** | **0.750** | **0.800** |"
    assert lines[5] == "| drawn scenes, encoded and decoded | 1.000 | 0.990 |"
    assert lines[-1] == "Autoencoder on unseen scenes: 41.2 dB."


def test_the_card_lists_every_training_run() -> None:
    runs = [
        TrainingRun("text", 1000, 64, 0.02, 4, 420, continues=False),
        TrainingRun("diffusion", 4500, 64, 0.015, 2, 6000, continues=True),
    ]
    evaluation = {"prompts": 100, "psnr_db": 41.23, "scores": SCORES, "reconstruction": RECONSTRUCTION}
    lines = model_card(runs, evaluation).splitlines()
    assert "| text | 1,000 | 64 | 0.02 | 4 | 7 |" in lines
    assert "| diffusion, continued | 4,500 | 64 | 0.015 | 2 | 100 |" in lines


def test_the_preview_map_has_a_row_for_each_latent_channel_and_the_bias() -> None:
    torch.manual_seed(0)
    rows = preview_map(new_autoencoder().eval())
    assert [len(row) for row in rows] == [3] * 5
