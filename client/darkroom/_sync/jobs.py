# Written by `python -m scripts.sync_client` from client/darkroom/_async/jobs.py: change that instead.

"""`client.jobs`: submits durable jobs, finds them again and lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typing_extensions import Unpack

from darkroom._core import endpoints
from darkroom._sync.job import Job
from darkroom._sync.resource import RawResource, Resource, raw
from darkroom.results.jobs import JobStatus, JobSummary
from darkroom.types import CallOptions, JobArguments


class Jobs(Resource):
    """`client.jobs`."""

    @property
    def with_raw_response(self) -> JobsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return JobsWithRawResponse(Jobs, self._transport)

    def submit(
        self,
        *,
        prompt: str | Sequence[str],
        idempotency_key: str | None = None,
        **arguments: Unpack[JobArguments],
    ) -> Job:
        """Submit a job and return its handle as soon as the server has stored it.

        All tries have one idempotency key, so that they make one job. With a key of your own, a later call with the
        same arguments finds the same job. `darkroom.types` describes the other arguments.
        """
        request = endpoints.submit(prompt, arguments, idempotency_key)
        return Job(self._transport, self._transport.call(request, arguments))

    def get(self, job_id: str, **options: Unpack[CallOptions]) -> Job:
        """Return the handle of a job, by its id. Raises `NotFoundError`."""
        return Job(self._transport, self._transport.call(endpoints.get_job(job_id), options))

    def list(
        self, *, status: JobStatus | None = None, page_size: int = 50, **options: Unpack[CallOptions]
    ) -> Iterator[JobSummary]:
        """Return summaries of all of the caller's jobs, newest first. `get` returns the job itself by its id.

        Pages of at most `page_size` jobs, 1 to 100, are read as needed.
        """
        return self._items(lambda cursor: endpoints.list_jobs(status, page_size, cursor), options)


class JobsWithRawResponse(RawResource[Jobs]):
    """`client.jobs.with_raw_response`."""

    submit = raw(Jobs.submit)
    get = raw(Jobs.get)
