"""A client of the job API for tests. Tests that wait for a job read its events; they do not poll."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx2

ROOT = "/api/v1/jobs"


class Event(NamedTuple):
    """One server-sent event of a job."""

    name: str
    id: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobsClient:
    client: httpx2.Client

    def post(self, *, headers: dict[str, str] | None = None, **fields: object) -> httpx2.Response:
        return self.client.post(ROOT, json=fields, headers=headers)

    def create(self, *, headers: dict[str, str] | None = None, **fields: object) -> dict[str, Any]:
        """Create a job, of one step unless `fields` say otherwise, and return it. It must be accepted."""
        answer = self.post(headers=headers, **{"prompt": "x", "num_inference_steps": 1, **fields})
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def get(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.get(job["urls"]["self"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def page(self, **query: str | int) -> dict[str, Any]:
        answer = self.client.get(ROOT, params=query)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def cancel(self, job: dict[str, Any]) -> httpx2.Response:
        return self.client.post(job["urls"]["cancel"])

    def delete(self, job: dict[str, Any]) -> httpx2.Response:
        return self.client.delete(job["urls"]["self"])

    @contextlib.contextmanager
    def following(self, job: dict[str, Any], *, after: str | None = None) -> Iterator[Iterator[Event]]:
        """Yield the job's events as they arrive. `after` is the id of the last event that was already seen."""
        headers = {} if after is None else {"Last-Event-ID": after}
        with self.client.stream("GET", job["urls"]["events"], headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            yield events_in(answer.iter_lines())

    def events(self, job: dict[str, Any], *, after: str | None = None) -> list[Event]:
        """Return all events, when the job has ended."""
        with self.following(job, after=after) as events:
            return list(events)

    def ended(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait until the job has ended, and return it."""
        last = self.events(job)[-1]
        assert last.name == "done"
        return last.data

    def delete_all(self) -> None:
        while page := self.page(limit=100)["data"]:
            for job in page:
                self.delete(job)


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """Parse the lines of an event stream. Ignores comments."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if name:
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields["id"], json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}


def assert_problem(answer: httpx2.Response, status: int, code: str) -> None:
    """Check for an error in the shape of RFC 9457."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["status"], answer.json()["code"]) == (status, code)
