"""The ids that say whom a line of the log concerns: of the request, its trace, the job and the tenant.

They are bound where they become known, and every line of the same task has them. Lines elsewhere, as in the worker's
process, are given them.
"""

from __future__ import annotations

from typing import Final

import structlog

_NAMES: Final = ("request_id", "trace_id", "job_id", "tenant")


def bound_log_ids() -> dict[str, str]:
    """Returns those of the ids that are bound where this is called."""
    bound = structlog.contextvars.get_contextvars()
    return {name: bound[name] for name in _NAMES if name in bound}
