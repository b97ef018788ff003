"""A caller whose images take longer than it waits is told so."""

from __future__ import annotations

import pytest

from service.api.client_timeouts import advice, declared_timeout_s
from service.errors import ClientTimeoutError

PATIENT = {"x-stainless-read-timeout": "600"}


@pytest.mark.parametrize(
    ("headers", "timeout_s"),
    [
        ({}, None),
        (PATIENT, 600.0),
        ({"x-stainless-timeout": "90"}, 90.0),
        ({"x-stainless-read-timeout": "soon"}, None),
        ({"x-stainless-read-timeout": "nan"}, None),
        ({"x-stainless-read-timeout": "-1"}, None),
        ({"x-stainless-read-timeout": "inf"}, None),
    ],
)
def test_a_client_may_say_when_it_gives_up(headers: dict[str, str], timeout_s: float | None) -> None:
    assert declared_timeout_s(headers) == timeout_s


@pytest.mark.parametrize(("headers", "least_s"), [({}, 300.0), ({}, 0.1), ({"x-stainless-timeout": "9000"}, 4000.0)])
def test_a_caller_whose_images_are_soon_finished_is_told_nothing(headers: dict[str, str], least_s: float) -> None:
    assert advice(headers, least_s) is None


@pytest.mark.parametrize(("headers", "least_s"), [({}, 1100.0), ({}, 1e6), (PATIENT, 1100.0), (PATIENT, 400.0)])
def test_a_caller_that_may_time_out_is_told_what_to_use_instead(headers: dict[str, str], least_s: float) -> None:
    told = advice(headers, least_s)

    assert told is not None
    assert f"{least_s:.0f} s" in told
    assert '"stream"' in told
    assert "/api/v1/jobs" in told


def test_a_client_that_would_give_up_for_good_is_refused() -> None:
    with pytest.raises(ClientTimeoutError, match=r"gives up after 600 s.*/api/v1/jobs"):
        advice(PATIENT, 1801.0)


def test_a_caller_that_comes_again_with_its_key_is_never_refused() -> None:
    assert advice({**PATIENT, "idempotency-key": "a"}, 1e6) is not None
