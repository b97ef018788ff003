"""`client.jobs`: submits durable jobs, finds them again and lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from typing_extensions import Unpack

from darkroom._async.job import AsyncJob
from darkroom._async.resource import AsyncRawResource, AsyncResource, async_raw
from darkroom._core import endpoints
from darkroom.results.jobs import JobStatus, JobSummary
from darkroom.types import CallOptions, JobArguments


class AsyncJobs(AsyncResource):
    """`client.jobs`."""

    @property
    def with_raw_response(self) -> AsyncJobsWithRawResponse:
        """The methods that return status and headers beside the result."""
        return AsyncJobsWithRawResponse(AsyncJobs, self._transport)

    async def submit(
        self,
        *,
        prompt: str | Sequence[str],
        idempotency_key: str | None = None,
        **arguments: Unpack[JobArguments],
    ) -> AsyncJob:
        """Submit a job and return its handle as soon as the server has stored it.

        All tries have one idempotency key, so that they make one job. With a key of your own, a later call with the
        same arguments finds the same job. `darkroom.types` describes the other arguments.
        """
        request = endpoints.submit(prompt, arguments, idempotency_key)
        return AsyncJob(self._transport, await self._transport.call(request, arguments))

    async def get(self, job_id: str, **options: Unpack[CallOptions]) -> AsyncJob:
        """Return the handle of a job, by its id. Raises `NotFoundError`."""
        return AsyncJob(self._transport, await self._transport.call(endpoints.get_job(job_id), options))

    def list(
        self, *, status: JobStatus | None = None, page_size: int = 50, **options: Unpack[CallOptions]
    ) -> AsyncIterator[JobSummary]:
        """Return summaries of all of the caller's jobs, newest first. `get` returns the job itself by its id.

        Pages of at most `page_size` jobs, 1 to 100, are read as needed.
        """
        return self._items(lambda cursor: endpoints.list_jobs(status, page_size, cursor), options)


class AsyncJobsWithRawResponse(AsyncRawResource[AsyncJobs]):
    """`client.jobs.with_raw_response`."""

    submit = async_raw(AsyncJobs.submit)
    get = async_raw(AsyncJobs.get)
