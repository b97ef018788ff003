"""Reads the ids in log lines: those of the request, its trace, the job and the tenant.

They are bound where they become known, and every log line of the same task has them. They are passed on to log lines
elsewhere, such as in the worker's process.
"""

from __future__ import annotations

from typing import Final

import structlog

_NAMES: Final = ("request_id", "trace_id", "job_id", "tenant")


def bound_log_ids() -> dict[str, str]:
    """Returns the ids that are bound in the calling task."""
    bound = structlog.contextvars.get_contextvars()
    return {name: bound[name] for name in _NAMES if name in bound}
