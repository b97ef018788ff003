"""Every way in which a request can fail, with its HTTP status and public code. Imports nothing of ours.

    DarkroomError                     500 internal_error
    |-- InvalidRequestError           400 invalid_value           names the field
    |   `-- UnprocessableError        422 invalid_value           the same, on routes whose bodies have a strict schema
    |-- KeyReusedError                422 idempotency_key_reused  an idempotency key, with another body than at first
    |-- NotFoundError                 404 not_found
    |   `-- UnknownModelError         404 model_not_found
    |-- GoneError                     410 gone                    it was there, and has been deleted
    |-- BodyTooLargeError             413 body_too_large
    |-- UnsupportedMediaTypeError     415 unsupported_media_type
    |-- QueueFullError                429 queue_full              retry_after_s; too much work waits, of everybody's
    |   `-- QuotaExceededError        429 quota_exceeded          too much of the caller's own
    |-- EngineUnavailableError        503 engine_unavailable      retry_after_s
    |-- StoreUnavailableError         503 store_unavailable       retry_after_s; the database or the disk
    |-- GenerationFailedError         500 generation_failed       this image failed; the same again would too
    |   |-- OutOfMemoryError          500 out_of_memory
    |   |-- NonFiniteResultError      500 non_finite_result
    |   `-- PoisonedError             500 poisoned                killed its worker twice
    |-- DeadlineExceededError         504 deadline_exceeded       the caller's own deadline; no more steps are spent
    |-- WorkerLostError               503 worker_lost             retry_after_s; the worker died under it
    `-- CanceledError                 499 canceled

Messages may be shown to callers: they never repeat the input, a path or the text of an unforeseen exception.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    pointer: str
    """JSON pointer (RFC 6901) into the body."""
    detail: str


class DarkroomError(Exception):
    """Root of the tree: something went wrong that no class below names."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self, message: str = "Something went wrong.", *, field: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The request field at fault, as the dialect spells it."""
        self.retry_after_s = retry_after_s
        self.problems: tuple[Problem, ...] = ()
        """Everything that is wrong with a body, where more than one thing may be."""


class InvalidRequestError(DarkroomError):
    status = 400
    code = "invalid_value"


class UnprocessableError(InvalidRequestError):
    status = 422

    def __init__(self, message: str, *, problems: tuple[Problem, ...]) -> None:
        super().__init__(message)
        self.problems = problems


class KeyReusedError(DarkroomError):
    status = 422
    code = "idempotency_key_reused"


class NotFoundError(DarkroomError):
    status = 404
    code = "not_found"


class UnknownModelError(NotFoundError):
    code = "model_not_found"


class GoneError(DarkroomError):
    status = 410
    code = "gone"


class BodyTooLargeError(DarkroomError):
    status = 413
    code = "body_too_large"


class UnsupportedMediaTypeError(DarkroomError):
    status = 415
    code = "unsupported_media_type"


class QueueFullError(DarkroomError):
    status = 429
    code = "queue_full"


class QuotaExceededError(QueueFullError):
    code = "quota_exceeded"


class EngineUnavailableError(DarkroomError):
    status = 503
    code = "engine_unavailable"


class StoreUnavailableError(DarkroomError):
    status = 503
    code = "store_unavailable"


class GenerationFailedError(DarkroomError):
    status = 500
    code = "generation_failed"


class OutOfMemoryError(GenerationFailedError):
    code = "out_of_memory"


class NonFiniteResultError(GenerationFailedError):
    code = "non_finite_result"


class PoisonedError(GenerationFailedError):
    code = "poisoned"


class DeadlineExceededError(DarkroomError):
    status = 504
    code = "deadline_exceeded"


class WorkerLostError(DarkroomError):
    status = 503
    code = "worker_lost"


class CanceledError(DarkroomError):
    status = 499
    code = "canceled"
