"""Requests for many models: those of a recorded trace, or generated ones with the same statistics.

The statistics are those of `lora_request_trace.csv` in alibaba/clusterdata, cluster-trace-v2026-GenAI: 26,823 requests
for 87 models, of which the first has 30.7% and the first five have 70.4%.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import workload

_MODELS: Final = 87
_FIRST_SHARES: Final = (0.307, 0.15, 0.11, 0.08, 0.057)
"""Shares of the most popular models, 70.4% in all."""
_REST_DECAY: Final = 0.93
"""Ratio of the share of each further model to that of the one before."""
_IMAGES: Final = {1: 0.578, 2: 0.082, 4: 0.191, 8: 0.149}
_STEPS: Final = {30: 0.907, 36: 0.062, 50: 0.016, 25: 0.015}
_USERS: Final = 400
_VARIATION: Final = 1.75
"""Coefficient of variation of the gaps between requests, within ten minutes."""


class ModelRequest(NamedTuple):
    at_s: float
    """Seconds from the start."""
    model: str
    tenant: str
    images: int
    steps: int


def read(path: Path) -> list[ModelRequest]:
    """Returns the requests of the recorded trace, in order of arrival."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["num_images_per_prompt"] and row["num_inference_steps"]]
    times_s = [datetime.fromisoformat(row["gmt_create"]).timestamp() for row in rows]
    requests = [
        ModelRequest(
            at_s - min(times_s),
            row["checkpoint_model_version_id"],
            row["groupId"],
            int(float(row["num_images_per_prompt"])),
            int(float(row["num_inference_steps"])),
        )
        for at_s, row in zip(times_s, rows, strict=True)
    ]
    return sorted(requests)


def generated(count: int, seed: int) -> list[ModelRequest]:
    """Returns requests with the statistics of the trace, one a second on average."""
    rng = random.Random(seed)
    names, shares = [f"M{number:04}" for number in range(_MODELS)], list(_shares())
    users = [f"G{number:04}" for number in range(_USERS)]
    activity = [1 / (1 + number) for number in range(_USERS)]
    return [
        ModelRequest(
            at_s,
            rng.choices(names, shares)[0],
            rng.choices(users, activity)[0],
            rng.choices([*_IMAGES], [*_IMAGES.values()])[0],
            rng.choices([*_STEPS], [*_STEPS.values()])[0],
        )
        for at_s, _ in zip(workload.bursty(1.0, seed, variation=_VARIATION), range(count), strict=False)
    ]


def at_rate(requests: Sequence[ModelRequest], rate: float) -> list[ModelRequest]:
    """Returns the requests with times from 0 on, stretched so that `rate` of them arrive per second on average."""
    first_s, last_s = requests[0].at_s, requests[-1].at_s
    factor = len(requests) / rate / max(last_s - first_s, 1e-9)
    return [request._replace(at_s=(request.at_s - first_s) * factor) for request in requests]


def _shares() -> Iterator[float]:
    yield from _FIRST_SHARES
    weights = [_REST_DECAY**number for number in range(_MODELS - len(_FIRST_SHARES))]
    left = 1 - sum(_FIRST_SHARES)
    yield from (left * weight / sum(weights) for weight in weights)
