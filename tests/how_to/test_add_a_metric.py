"""`docs/how-to/add-a-metric.md` does what it says."""

from __future__ import annotations

from pathlib import Path

from tests.how_to.workshop import follow

CHECK = """
from service.engine.messages import Preview
from service.observability.metrics import Metrics

metrics = Metrics()
metrics.observe(Preview("image", 0, 1, 1, 1, bytes(3)))
assert b"darkroom_previews_total 1.0" in metrics.exposition(ready=True, backlog_s=0.0)
"""


def test_a_declaration_and_a_branch_make_a_metric(tmp_path: Path) -> None:
    workshop = follow("add-a-metric.md", tmp_path)
    assert workshop.changed == ("service/observability/metrics.py", "docs/metrics.md")

    workshop.run("-c", CHECK)
    workshop.run("-m", "pytest", "-q", "-n", "0", "tests/service/observability/test_metrics.py")
