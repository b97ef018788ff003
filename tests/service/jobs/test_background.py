"""A background loop logs a failed pass and goes on."""

from __future__ import annotations

import asyncio

import pytest

from service.errors import StoreUnavailableError
from service.jobs.background import log_and_continue


@pytest.mark.parametrize("error", [RuntimeError("unforeseen"), StoreUnavailableError("gone")], ids=["any", "store"])
def test_a_pass_that_fails_does_not_end_its_loop(error: Exception) -> None:
    passes = 0
    for _ in range(2):
        with log_and_continue("a test"):
            passes += 1
            raise error

    assert passes == 2


def test_a_loop_can_be_canceled() -> None:
    with pytest.raises(asyncio.CancelledError), log_and_continue("a test"):
        raise asyncio.CancelledError
