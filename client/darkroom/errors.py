"""The exceptions that calls raise. Independent of the HTTP library. Each can be pickled.

    DarkroomError
    |-- APIConnectionError          no answer: connection refused or lost, or a stream that ended early
    |   `-- APITimeoutError         no answer in time
    |-- APIStatusError              the server answered with an error: status_code, code, param, request_id, body, ...
    |   |-- RedirectError           300 to 399: `location`
    |   |-- BadRequestError         400
    |   |-- AuthenticationError     401
    |   |-- PermissionDeniedError   403
    |   |-- NotFoundError           404
    |   |-- ConflictError           409
    |   |-- GoneError               410
    |   |-- UnprocessableEntityError 422
    |   |-- RateLimitError          429
    |   `-- InternalServerError     500 and above
    |-- StreamError                 the server reported an error in a stream that had begun: code, param, request_id
    |-- InvalidResponseError        an answer that a Darkroom server would not send
    `-- JobError                    a job did not give what was asked for: job_id, job
        |-- JobFailedError          it failed: code, param
        |-- JobCanceledError        it was canceled
        |-- JobDeletedError         it was deleted while it was followed
        `-- JobTimeoutError         it had not ended in the time given (a TimeoutError, too)

Invalid arguments, such as an address that is not a URL or an unknown keyword, raise Python's own `ValueError` and
`TypeError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from darkroom.results.jobs import JobRecord


class DarkroomError(Exception):
    """Base class. `message` explains the error to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        # Python's own way calls the class with `args` alone, which lacks what the subclasses require by keyword.
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[DarkroomError], args: tuple[Any, ...], fields: dict[str, Any]) -> DarkroomError:
    """Undo the pickling of an error."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


class APIConnectionError(DarkroomError):
    """No answer, or an incomplete one. `__cause__` is the HTTP library's exception, where there is one."""


class APITimeoutError(APIConnectionError):
    """No answer within the timeout."""


class APIStatusError(DarkroomError):
    """The server answered with a status other than success."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        code: str | None = None,
        param: str | None = None,
        request_id: str | None = None,
        body: object = None,
        retry_after: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        """The server's error code, such as `queue_full`. None where something in front of the server answered."""
        self.param = param
        """The argument that caused the error."""
        self.request_id = request_id
        """Give it to the operator of the server when you report a problem."""
        self.body = body
        """The body of the answer: its JSON decoded, or its text."""
        self.retry_after = retry_after
        """Seconds after which the server asks for another attempt."""
        self.should_retry = should_retry
        """True or False where the server asks for another attempt or for none; None where it does not say."""


class RedirectError(APIStatusError):
    """300 to 399: the resource is at another address. The client does not follow, because the key must not go there."""

    location: str | None = None
    """The address, where the answer names one."""


class BadRequestError(APIStatusError):
    """400: the server or its model cannot use a value; `param` names the argument."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or not valid."""


class PermissionDeniedError(APIStatusError):
    """403: the API key does not permit this."""


class NotFoundError(APIStatusError):
    """404: nothing exists at this URL. Often `base_url` does not lead to a Darkroom server."""


class ConflictError(APIStatusError):
    """409: the request conflicts with another one."""


class GoneError(APIStatusError):
    """410: the job of the idempotency key has been deleted."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is well-formed, but the server does not accept it; `param` names the argument."""


class RateLimitError(APIStatusError):
    """429: a quota of the API key, or the caller's share of the queue, is used up; see `retry_after`."""


class InternalServerError(APIStatusError):
    """500 and above: the server, or a proxy in front of it, failed. 503: it has no room now, or is not ready;
    `retry_after` says when to try again."""


class StreamError(DarkroomError):
    """The server reported an error in a stream that had begun."""

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.request_id = request_id


class InvalidResponseError(DarkroomError):
    """A successful answer that cannot be read. The address may belong to another kind of server."""


class JobError(DarkroomError):
    """A job did not give what was asked for."""

    def __init__(self, message: str, *, job_id: str, job: JobRecord | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id
        self.job = job
        """The job as it was last seen. Images that it finished are in `job.images`."""


class JobFailedError(JobError):
    """The job failed."""

    def __init__(
        self, message: str, *, job_id: str, job: JobRecord | None = None, code: str | None, param: str | None
    ) -> None:
        super().__init__(message, job_id=job_id, job=job)
        self.code = code
        """The server's error code, such as `out_of_memory`."""
        self.param = param


class JobCanceledError(JobError):
    """The job was canceled."""


class JobDeletedError(JobError):
    """The job was deleted while it was followed."""


class JobTimeoutError(JobError, TimeoutError):
    """The job had not ended in the time given. It goes on; wait again, or cancel it."""


_BY_STATUS: Final[dict[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def class_for_status(status_code: int) -> type[APIStatusError]:
    """Return the exception class for an answer with `status_code`."""
    if status_code >= 500:
        return InternalServerError
    if 300 <= status_code < 400:
        return RedirectError
    return _BY_STATUS.get(status_code, APIStatusError)
