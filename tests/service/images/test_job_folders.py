"""Each job has a folder of its own, and those that have not changed for long are found."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from service.images.job_folders import job_folder, jobs_older_than

OLD, YOUNG = (f"job_{letters * 13}" for letters in ("a2", "b3"))
HOUR_S = 3600.0


def test_a_job_has_a_folder_below_the_first_letters_of_its_id(tmp_path: Path) -> None:
    assert job_folder(tmp_path, OLD) == tmp_path / "a2" / OLD


@pytest.mark.parametrize("job_id", ["", "a2", "job_", "../job_a2", f"{OLD}/.."])
def test_no_path_is_built_of_what_is_no_id(tmp_path: Path, job_id: str) -> None:
    with pytest.raises(AssertionError):
        job_folder(tmp_path, job_id)


def test_jobs_whose_folders_have_not_changed_for_long_are_found_and_nothing_else_is(tmp_path: Path) -> None:
    for folder in (job_folder(tmp_path, OLD), job_folder(tmp_path, YOUNG), tmp_path / "a2" / "job_x"):
        folder.mkdir(parents=True)
    for folder in (job_folder(tmp_path, OLD), tmp_path / "a2" / "job_x"):
        os.utime(folder, (0.0, time.time() - 2 * HOUR_S))

    assert list(jobs_older_than(tmp_path, HOUR_S)) == [OLD]


def test_a_root_that_does_not_exist_has_no_jobs(tmp_path: Path) -> None:
    assert list(jobs_older_than(tmp_path / "missing", 0.0)) == []
