"""Decides how long a job is kept. The store records the decision, and `upkeep.retention` carries it out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The number of seconds for which a job's record and images are kept after its end."""

    keep_s: float

    def expires_at(self, completed_at: float) -> float:
        """Returns when a job that ended at `completed_at` is deleted; both are Unix seconds."""
        return completed_at + self.keep_s
