"""What goes on for as long as the server does must not end because one pass of it failed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import structlog

from service.errors import StoreUnavailableError

_log = structlog.get_logger("darkroom.jobs")


@contextlib.contextmanager
def log_and_continue(work: str) -> Iterator[None]:
    """Around one pass of `work`, which is tried again later whatever went wrong with it."""
    try:
        yield
    except StoreUnavailableError:
        pass  # It was told of where it was noticed.
    except Exception:  # noqa: BLE001 -- the loop is worth more than the pass
        _log.exception("unforeseen error", work=work)
