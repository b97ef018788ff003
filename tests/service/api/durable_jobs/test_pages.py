"""A page holds the jobs that it has room for, and its cursor leads to the next one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

from service.api.durable_jobs.pages import MAX_PAGE_BYTES, Page, job_cursor, read_page
from service.jobs.records import JobFailure, JobSummary
from service.jobs.store.pages import Cursor
from service.jobs.views import summary_of
from tests.service.api.records import make_record


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
    assert job_cursor(page.cursor or "") == Cursor(2.0, listed.ids[2])
    assert (listed.taken, listed.closed) == (4, True)


async def test_a_page_ends_where_its_jobs_would_take_too_much_room() -> None:
    large = JobFailure("failed", "x" * (MAX_PAGE_BYTES // 3))
    listed = Listed(summaries(9, failure=large))
    page = await listed.page(limit=9)
    assert ids(page) == listed.ids[:2]
    assert job_cursor(page.cursor or "").id == listed.ids[1]
    assert listed.taken == 3
