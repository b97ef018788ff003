"""Each verdict is counted. The time of a request is recorded once, however many verdicts it brings."""

from __future__ import annotations

from service.observability.metrics import Metrics


def test_verdicts_are_counted_by_outcome_and_requests_by_their_time() -> None:
    metrics = Metrics()

    metrics.judged("prompt", {"allowed": 3, "blocked": 1}, 0.5)
    metrics.judged("prompt", {"allowed": 1}, 0.25)

    exposed = metrics.exposition(ready=True, backlog_s=0.0).decode()
    assert 'darkroom_moderation_verdicts_total{outcome="allowed",subject="prompt"} 4.0' in exposed
    assert 'darkroom_moderation_verdicts_total{outcome="blocked",subject="prompt"} 1.0' in exposed
    assert 'darkroom_moderation_seconds_count{subject="prompt"} 2.0' in exposed
    assert 'darkroom_moderation_seconds_sum{subject="prompt"} 0.75' in exposed
