"""Which class of error each status raises."""

from __future__ import annotations

import pytest

import darkroom
from tests.client import answers
from tests.client.conftest import Drive

CLASSES = [
    (400, darkroom.BadRequestError),
    (401, darkroom.AuthenticationError),
    (403, darkroom.PermissionDeniedError),
    (404, darkroom.NotFoundError),
    (409, darkroom.ConflictError),
    (418, darkroom.APIStatusError),
    (422, darkroom.UnprocessableEntityError),
    (429, darkroom.RateLimitError),
    (500, darkroom.InternalServerError),
    (503, darkroom.InternalServerError),
]


@pytest.mark.parametrize(("status", "kind"), CLASSES)
def test_each_status_raises_its_class(drive: Drive, status: int, kind: type[darkroom.APIStatusError]) -> None:
    driver = drive(lambda _: answers.error(status), max_retries=0)
    with pytest.raises(darkroom.APIStatusError) as caught:
        driver.generate(prompt="a red circle")
    assert type(caught.value) is kind
    assert caught.value.status_code == status


def test_every_error_is_a_darkroom_error() -> None:
    errors = [getattr(darkroom, name) for name in darkroom.__all__ if name.endswith("Error")]
    assert len(errors) > 10
    assert all(issubclass(error, darkroom.DarkroomError) for error in errors)
