"""Every way in which a call can fail, as the SDK says it. Knows nothing of HTTP libraries.

    DarkroomError
    |-- APIConnectionError          no answer: refused, cut, or a stream that ended early
    |   `-- APITimeoutError         no answer in time
    |-- APIStatusError              the server said no: status_code, code, param, request_id, retry_after
    |   |-- BadRequestError         400
    |   |-- AuthenticationError     401
    |   |-- PermissionDeniedError   403
    |   |-- NotFoundError           404
    |   |-- ConflictError           409
    |   |-- UnprocessableEntityError 422
    |   |-- RateLimitError          429
    |   `-- InternalServerError     500 and above
    |-- StreamError                 the server reported a failure after its stream had begun: code, param, request_id
    `-- InvalidResponseError        an answer that is not what a Darkroom server sends

Calls with values that no server could take (an address that is no URL, an unknown keyword) raise Python's own
`ValueError` and `TypeError`.
"""

from __future__ import annotations

from typing import Final


class DarkroomError(Exception):
    """Root of the tree; `message` is one sentence or more for people."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIConnectionError(DarkroomError):
    """No answer, or half of one. The cause is the HTTP library's own exception."""


class APITimeoutError(APIConnectionError):
    """No answer in time."""


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
        """The server's own name for the fault, `queue_full` for example; None where the body was not the server's."""
        self.param = param
        """The request field at fault."""
        self.request_id = request_id
        """What to tell whoever runs the server."""
        self.retry_after = retry_after
        """Seconds after which the server asks to be tried again."""
        self.should_retry = should_retry
        """The server's word on trying again, where it gave one."""


class BadRequestError(APIStatusError):
    """400: a value that the server or its model cannot take; `param` names the field."""


class AuthenticationError(APIStatusError):
    """401: no API key, or one that the server does not know."""


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such thing at this address; often a `base_url` that is not a Darkroom server's."""


class ConflictError(APIStatusError):
    """409: another request is in the way."""


class UnprocessableEntityError(APIStatusError):
    """422: understood, and refused."""


class RateLimitError(APIStatusError):
    """429: the queue or the caller's share of it is full; `retry_after` says for how long."""


class InternalServerError(APIStatusError):
    """500 and above: the server or something before it failed."""


class StreamError(DarkroomError):
    """The server reported a failure after its stream had begun."""

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.request_id = request_id


class InvalidResponseError(DarkroomError):
    """A successful answer that cannot be read: the address may belong to another kind of server."""


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
    """The class that an answer of `status_code` raises."""
    if status_code >= 500:
        return InternalServerError
    return _BY_STATUS.get(status_code, APIStatusError)
