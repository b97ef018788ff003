"""The verdict on a prompt or an image: who asked for it, how it was judged, and by which policy. Imports nothing of
ours."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, field
from typing import Final


class Subject(enum.StrEnum):
    PROMPT = "prompt"
    IMAGE = "image"


class Outcome(enum.StrEnum):
    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNAVAILABLE = "unavailable"
    """There was no judgement, so nothing is shown."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer of the moderation service about one text or image."""

    outcome: Outcome
    policy: str | None = None
    """The name and version of the service's model, as it says itself; None where it did not answer."""
    categories: tuple[str, ...] = ()
    """The categories for which it was blocked."""


UNAVAILABLE: Final = Judgement(Outcome.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Asker:
    """The tenant that submitted a job, with the ids of the job and of the request."""

    tenant: str
    job_id: str
    request_id: str | None = None
    """The request that asked for it; None for a job that was accepted before."""
    waits: bool = field(default=False, compare=False)
    """Whether the job has been accepted, so that it can wait while there is no judgement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One judgement, as it is kept."""

    judged_at: float
    """Unix seconds."""
    asker: Asker
    subject: Subject
    prompt_sha256: str
    """The SHA-256 of the prompt in UTF-8, in hexadecimal. The prompt itself is not part of a verdict."""
    judgement: Judgement


def prompt_digest(prompt: str) -> str:
    """Returns the SHA-256 of a prompt, in hexadecimal."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()
