"""Keeps a folder for each job, below one that the first letters of its id name, so that no folder has many entries."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from service.ids import is_job_id


def job_folder(root: Path, job_id: str) -> Path:
    """Returns `root`/<two letters>/<job id>, which need not exist."""
    assert is_job_id(job_id), "the server makes the ids, and looks up every id before it builds a path"
    return root / job_id.removeprefix("job_")[:2] / job_id


def jobs_older_than(root: Path, seconds: float) -> Iterator[str]:
    """Yields the ids of the jobs whose folders have not changed for this long. Raises OSError if the disk fails."""
    before = time.time() - seconds
    for folder in root.glob("??/job_*"):
        with contextlib.suppress(FileNotFoundError):
            if is_job_id(folder.name) and folder.stat().st_mtime < before:
                yield folder.name
