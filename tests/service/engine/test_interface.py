"""A submission holds what an engine is asked for, and cannot be made of what no engine takes."""

from __future__ import annotations

import pytest

from service.engine.interface import JobOptions, Submission
from service.engine.types import Priority
from tests.harness.engine.worker_harness import make_params

IMAGES = [make_params()]


def test_only_the_images_must_be_given() -> None:
    submission = Submission(IMAGES)

    assert (submission.previews, submission.priority) == (0, Priority.INTERACTIVE)
    assert (submission.tenant, submission.deadline_s) == ("", None)


@pytest.mark.parametrize(
    "options",
    [
        JobOptions(previews=-1),
        JobOptions(deadline_s=0.0),
        JobOptions(deadline_s=-1.0),
        JobOptions(deadline_s=float("nan")),
    ],
    ids=str,
)
def test_what_no_engine_takes_is_refused(options: JobOptions) -> None:
    with pytest.raises(ValueError, match="needs an image"):
        Submission(IMAGES, **options)


def test_a_submission_has_an_image() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        Submission([])
