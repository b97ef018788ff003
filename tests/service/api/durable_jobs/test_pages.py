"""A page holds the jobs that it has room for, and its cursor comes back as it was given out."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.api.durable_jobs.pages import MAX_PAGE_BYTES, Page, decode_cursor, encode_cursor, read_page
from service.errors import InvalidRequestError
from service.ids import is_job_id, new_job_id
from service.jobs.records import JobFailure, JobSummary
from service.jobs.store.pages import Cursor
from service.jobs.views import summary_of
from tests.service.api.records import make_record


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def rendered(summary: JobSummary) -> bytes:
    return json.dumps([summary.id, None if summary.failure is None else summary.failure.message]).encode()


def ids(page: Page) -> list[str]:
    return [job_id for job_id, _ in json.loads(page.items)]


class Listed:
    """Jobs of a list, of which it counts those that were taken."""

    def __init__(self, summaries: Sequence[JobSummary]) -> None:
        self.ids = [summary.id for summary in summaries]
        self._summaries = summaries
        self.taken = 0
        self.closed = False

    async def page(self, limit: int) -> Page:
        page = await read_page(self._taken(), limit, rendered)
        assert len(page.items) < MAX_PAGE_BYTES + 1000
        return page

    async def _taken(self) -> AsyncGenerator[JobSummary, None]:
        try:
            for summary in self._summaries:
                self.taken += 1
                yield summary
        finally:
            self.closed = True


def summaries(count: int, **fields: Any) -> list[JobSummary]:
    return [replace(summary_of(make_record(created_at=float(number))), **fields) for number in range(count)]


async def test_a_page_has_all_jobs_where_there_are_no_more() -> None:
    for count in (0, 1, 3):
        listed = Listed(summaries(count))
        page = await listed.page(limit=3)
        assert (ids(page), page.cursor) == (listed.ids, None)


async def test_a_page_of_the_limit_names_the_job_behind_which_the_next_one_begins() -> None:
    listed = Listed(summaries(9))
    page = await listed.page(limit=3)
    assert ids(page) == listed.ids[:3]
    assert decode_cursor(page.cursor or "") == Cursor(2.0, listed.ids[2])
    assert (listed.taken, listed.closed) == (4, True)


async def test_a_page_ends_where_its_jobs_would_take_too_much_room() -> None:
    large = JobFailure("failed", "x" * (MAX_PAGE_BYTES // 3))
    listed = Listed(summaries(9, failure=large))
    page = await listed.page(limit=9)
    assert ids(page) == listed.ids[:2]
    assert decode_cursor(page.cursor or "").id == listed.ids[1]
    assert listed.taken == 3


@given(created_at=st.floats(0, 2**40))
def test_a_cursor_is_read_as_it_was_written(created_at: float) -> None:
    summary = summary_of(make_record(created_at=created_at))
    text = encode_cursor(summary)
    assert decode_cursor(text) == Cursor(created_at, summary.id)
    assert text.replace("-", "").replace("_", "").isalnum(), "it needs no escaping in a URL"


@pytest.mark.parametrize("time", ["", "x", "nan", "inf", "-inf", "1e999", "1 2"])
def test_a_cursor_without_a_time_is_refused(time: str) -> None:
    with pytest.raises(InvalidRequestError) as error:
        decode_cursor(encoded(f"{time} {new_job_id()}"))
    assert (error.value.parameter, error.value.message) == ("cursor", "The query parameter cursor is not valid.")


@pytest.mark.parametrize("text", ["1.0 job_x", "1.0 ", "1.0", f"1.0 {'job_' + 'a' * 26} x", f"1.0 {'job_' + 'A' * 26}"])
def test_a_cursor_without_a_job_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError):
        decode_cursor(encoded(text))


@given(st.text(max_size=200) | st.binary(max_size=60).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_other_text_is_a_cursor_or_refused(text: str) -> None:
    try:
        cursor = decode_cursor(text)
    except InvalidRequestError:
        return
    assert is_job_id(cursor.id)
