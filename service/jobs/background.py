"""Handles errors of loops that run as long as the server: logs a failed pass, and lets the loop go on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import structlog

from service.errors import StoreUnavailableError

_log = structlog.get_logger("darkroom.jobs")


@contextlib.contextmanager
def log_and_continue(activity: str) -> Iterator[None]:
    """Suppresses and logs whatever one pass of a loop raises. `activity` names the loop's work in the log."""
    try:
        yield
    except StoreUnavailableError:
        pass  # The store has logged it.
    except Exception:  # noqa: BLE001 -- a failed pass must not end the loop
        _log.exception("unexpected error", activity=activity)
