"""Metrics derived from the raw measurements."""

from __future__ import annotations

from benchmarks.peers.servers import OURS
from tests.benchmarks.peers.sample_record import sample_record


def test_a_metric_is_the_median_of_the_rounds() -> None:
    assert sample_record().targets[OURS].images_per_second == 2.2


def test_the_best_peer_has_the_highest_throughput() -> None:
    assert sample_record().best_peer_images_per_second == 1.1
