"""A recorded trace of requests is read, imitated and stretched to a rate."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.models import trace
from benchmarks.models.trace import ModelRequest

ROWS = """gmt_create,groupId,num_images_per_prompt,num_inference_steps,checkpoint_model_version_id
2024-11-15 16:58:00,G1,8.0,40.0,M1
2024-11-15 16:57:50,G0,1.0,30.0,M0
2024-11-15 16:58:10,G0,,,M0
"""


def test_a_recorded_trace_is_read_in_order_of_arrival(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text(ROWS)

    assert trace.read(tmp_path / "trace.csv") == [
        ModelRequest(0.0, "M0", "G0", 1, 30),
        ModelRequest(10.0, "M1", "G1", 8, 40),
    ]


def test_generated_requests_have_the_traces_statistics() -> None:
    requests = trace.generated(8000, seed=1)
    models = Counter(request.model for request in requests).most_common()

    assert models[0][1] / len(requests) == pytest.approx(0.307, abs=0.02)
    assert sum(count for _, count in models[:5]) / len(requests) == pytest.approx(0.704, abs=0.02)
    assert sum(request.images for request in requests) / len(requests) == pytest.approx(2.7, abs=0.1)


def test_requests_are_stretched_to_a_rate() -> None:
    requests = trace.at_rate([ModelRequest(float(at), "M", "G", 1, 30) for at in range(5, 16)], rate=2.0)

    assert requests[0].at_s == 0.0
    assert requests[-1].at_s == pytest.approx(11 / 2.0)
