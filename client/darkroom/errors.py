"""The exceptions that calls raise. Independent of the HTTP library.

    DarkroomError
    |-- APIConnectionError          no answer: connection refused or lost, or a stream that ended early
    |   `-- APITimeoutError         no answer in time
    |-- APIStatusError              the server answered with an error: status_code, code, param, request_id, retry_after
    |   |-- BadRequestError         400
    |   |-- AuthenticationError     401
    |   |-- PermissionDeniedError   403
    |   |-- NotFoundError           404
    |   |-- ConflictError           409
    |   |-- UnprocessableEntityError 422
    |   |-- RateLimitError          429
    |   `-- InternalServerError     500 and above
    |-- StreamError                 the server reported an error in a stream that had begun: code, param, request_id
    `-- InvalidResponseError        an answer that a Darkroom server would not send

Invalid arguments, such as an address that is not a URL or an unknown keyword, raise Python's own `ValueError` and
`TypeError`.
"""

from __future__ import annotations

from typing import Final


class DarkroomError(Exception):
    """Base class. `message` explains the error to the user."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


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
        retry_after: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.code = code
        """The server's error code, such as `queue_full`. None where something in front of the server answered."""
        self.param = param
        """The request field that caused the error."""
        self.request_id = request_id
        """Give it to the operator of the server when you report a problem."""
        self.retry_after = retry_after
        """Seconds after which the server asks for another attempt."""
        self.should_retry = should_retry
        """True or False where the server asks for another attempt or for none; None where it does not say."""


class BadRequestError(APIStatusError):
    """400: the server or its model cannot use a value; `param` names the field."""


class AuthenticationError(APIStatusError):
    """401: the API key is missing or not valid."""


class PermissionDeniedError(APIStatusError):
    """403: the API key does not permit this."""


class NotFoundError(APIStatusError):
    """404: nothing exists at this URL. Often `base_url` does not lead to a Darkroom server."""


class ConflictError(APIStatusError):
    """409: the request conflicts with another one."""


class UnprocessableEntityError(APIStatusError):
    """422: the request is well-formed, but the server does not accept it."""


class RateLimitError(APIStatusError):
    """429: the queue is full, or the caller's share of it; `retry_after` says when to try again."""


class InternalServerError(APIStatusError):
    """500 and above: the server, or a proxy in front of it, failed."""


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


_BY_STATUS: Final[dict[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def class_for_status(status_code: int) -> type[APIStatusError]:
    """Return the exception class for an answer with `status_code`."""
    if status_code >= 500:
        return InternalServerError
    return _BY_STATUS.get(status_code, APIStatusError)
