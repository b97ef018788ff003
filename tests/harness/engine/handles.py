"""Jobs as the frontend's queue sees them, for tests in which nobody cancels or reads."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines import work_plan
from pipelines.fake import INFO
from pipelines.interface import WorkPlan
from service.engine.costs.cost_table import CostTable
from service.engine.frontend.local_job import LocalJob, UnreadImages
from service.engine.messages import Ready, Submit

_UNBOUNDED_BYTES = 1 << 40


def make_handle(job_id: str, unread: UnreadImages | None = None) -> LocalJob:
    return LocalJob(
        job_id,
        max_buffered=1,
        unread=unread or UnreadImages(_UNBOUNDED_BYTES),
        on_cancel=lambda _: None,
        on_read=lambda: None,
    )


def make_plans(submits: Sequence[Submit]) -> list[WorkPlan]:
    """Returns the plans of these images with the fake model."""
    return [work_plan.plan(INFO, submit.params) for submit in submits]


def make_ready(costs: CostTable) -> Ready:
    """Returns the message of a worker with the fake model that is ready."""
    return Ready((INFO,), costs)
