"""Makes and recognizes job ids. Imports nothing of ours."""

from __future__ import annotations

import base64
import re
import secrets
from typing import Final

_RANDOM_CHARACTERS: Final = 26

JOB_ID_PATTERN: Final = rf"job_[a-z2-7]{{{_RANDOM_CHARACTERS}}}"
"""Regular expression of a whole job id, without anchors."""

_JOB_ID: Final = re.compile(JOB_ID_PATTERN, re.ASCII)


def new_job_id() -> str:
    """Returns `job_` and 26 characters of base32: 130 random bits."""
    return "job_" + base64.b32encode(secrets.token_bytes(17)).decode().lower()[:_RANDOM_CHARACTERS]


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None
