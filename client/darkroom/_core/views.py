"""The properties of the handles of jobs and images, which need no request to the server."""

from __future__ import annotations

import builtins
import hashlib
import inspect
from typing import Any

from darkroom._core.arguments import parameters_of
from darkroom.errors import InvalidResponseError, JobCanceledError, JobFailedError
from darkroom.results import files
from darkroom.results.jobs import (
    Failure,
    ImageRecord,
    JobProgress,
    JobRecord,
    JobStatus,
    ResolvedRequest,
)


class JobImageView:
    """A finished image of a job, without its content."""

    def __init__(self, record: ImageRecord, request: ResolvedRequest, url: str) -> None:
        self.record = record
        """The server's last description of it."""
        self.url = url
        """Its address. It asks for the API key where the server does."""
        self._request = request
        self._content: builtins.bytes | None = None

    @property
    def index(self) -> int:
        """Index in the job, from 0."""
        return self.record.index

    @property
    def seed(self) -> int:
        """The seed. A request with it and the same other parameters gives this image again."""
        return self.record.seed

    @property
    def prompt(self) -> str:
        return self.record.prompt

    @property
    def width(self) -> int:
        """Pixels."""
        return self.record.width

    @property
    def height(self) -> int:
        return self.record.height

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make this image again, its own seed among them: `jobs.submit(**image.parameters)`."""
        return parameters_of(self.record, self._request)

    def _keep(self, content: builtins.bytes) -> builtins.bytes:
        """Keep the content that was fetched. Raises `InvalidResponseError` where it is not that of the image."""
        if hashlib.sha256(content).hexdigest() != self.record.sha256:
            raise InvalidResponseError(f"{self.url} did not answer with the whole image")
        self._content = content
        return content

    def bytes(self) -> object:
        """Return the content of the image file, or something to await that returns it."""
        raise NotImplementedError

    def _shown(self) -> builtins.bytes | None:
        """Return the content for IPython, which cannot await it."""
        if self._content is None and not inspect.iscoroutinefunction(self.bytes):
            self.bytes()
        return self._content

    def _repr_png_(self) -> builtins.bytes | None:
        content = self._shown()
        return None if content is None else files.png_or_none(content)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        content = self._shown()
        return {} if content is None else files.mime_bundle(content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(url={self.url!r}, seed={self.seed}, size='{self.width}x{self.height}')"


class JobView:
    """A job as it was when the server was last asked."""

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        """All that the server said about it."""

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def status(self) -> JobStatus:
        return self.record.status

    @property
    def ended(self) -> bool:
        """Whether it has succeeded, failed or been canceled."""
        return self.record.ended

    @property
    def progress(self) -> JobProgress:
        return self.record.progress

    @property
    def queue_position(self) -> int | None:
        """Number of waiting jobs before it; None where it does not wait."""
        return self.record.queue_position

    @property
    def eta_s(self) -> float | None:
        """Estimated seconds until its end."""
        return self.record.eta_s

    @property
    def seeds(self) -> list[int]:
        """The seed of each image."""
        return self.record.seeds

    @property
    def request(self) -> ResolvedRequest:
        """The request with every default filled in."""
        return self.record.request

    @property
    def error(self) -> Failure | None:
        """The error with which it failed."""
        return self.record.error

    def raise_for_status(self) -> None:
        """Raise `JobFailedError` or `JobCanceledError` where the job has ended without success."""
        record = self.record
        if record.status == "failed":
            error = record.error or Failure(code="unknown", message="The job failed.")
            raise JobFailedError(error.message, job_id=record.id, job=record, code=error.code, param=error.field)
        if record.status == "canceled":
            raise JobCanceledError("The job was canceled.", job_id=record.id, job=record)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self.id!r}, status={self.status!r})"
