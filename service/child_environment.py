"""The environment of the processes that the server starts: its own without secrets. Reads no variable itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_WITHHELD: Final = re.compile(
    r"DARKROOM_.*"  # A worker gets the settings that it needs on its command line.
    r"|PG[A-Z]+"  # libpq reads these, such as PGPASSWORD.
    r"|OTEL_.*"  # They may hold credentials for a collector. A worker makes no spans.
    r"|.*(PASSWORD|PASSWD|SECRET|API_KEY|CREDENTIALS|DATABASE_URL).*"
    r"|.*_TOKEN",
    re.IGNORECASE,
)
_NEEDED: Final = frozenset({"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"})
"""With these a worker downloads models that are not public."""


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that a worker may see, without the server's settings and names that suggest a secret."""
    return {name: value for name, value in environment.items() if name in _NEEDED or not _WITHHELD.fullmatch(name)}
