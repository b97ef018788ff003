"""The errors with which a request can fail, with their HTTP statuses and public codes. Imports nothing of ours.

    DarkroomError                     500 internal_error
    |-- InvalidRequestError           400 invalid_value           names the field
    |   |-- UnprocessableError        422 invalid_value           on routes whose bodies have a strict schema
    |   `-- ClientTimeoutError        400 client_timeout          the client gives up before the images can be finished
    |-- KeyReusedError                422 idempotency_key_reused  the idempotency key was used with another body
    |-- UnauthenticatedError          401 unauthenticated         no valid API key
    |-- ForbiddenError                403 forbidden               the key's role or the asking page's origin
    |-- NotFoundError                 404 not_found
    |   `-- UnknownModelError         404 model_not_found
    |-- ModelUnusableError            400 model_unusable          its files cannot be used; a retry does not help
    |-- ContentFilteredError          400 content_filtered        moderation does not allow the prompt or the image
    |-- PinRefusedError               409 pin_refused             other models would find no room beside a pinned one
    |-- GoneError                     410 gone                    it existed and was deleted
    |-- BodyTooLargeError             413 body_too_large
    |-- UnsupportedMediaTypeError     415 unsupported_media_type
    |-- MisdirectedRequestError       421 misdirected_request     it names a host that is not this server's
    |-- QuotaExceededError            429 quota_exceeded          a limit of this caller; retry_after_s, where known
    |-- QueueFullError                503 queue_full              retry_after_s; the work of all callers is too much
    |-- EngineUnavailableError        503 engine_unavailable      retry_after_s, unless a retry would not help
    |-- ModelLoadingError             503 model_loading           retry_after_s; the model was not loaded in time
    |-- StoreUnavailableError         503 store_unavailable       retry_after_s; the database or the disk fails
    |   `-- StorageFullError          503 storage_full            the disk has no room for new jobs and uploads
    |-- GenerationFailedError         500 generation_failed       the image failed and would fail again
    |   |-- OutOfMemoryError          500 out_of_memory
    |   |-- NonFiniteResultError      500 non_finite_result
    |   `-- PoisonedError             500 poisoned                the image or its job crashed a process repeatedly
    |-- ModerationUnavailableError    503 moderation_unavailable  retry_after_s; nothing is shown that was not judged
    |-- DeadlineExceededError         504 deadline_exceeded       the caller's deadline cannot be met
    |-- WorkerLostError               503 worker_lost             no worker is left to finish the image
    |-- ResultDiscardedError          503 result_discarded        the finished images were not read in time
    `-- CanceledError                 499 canceled

Callers may see the messages, so a message never repeats the input, a path, or the text of an unforeseen exception.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    pointer: str
    """JSON pointer (RFC 6901) into the body."""
    detail: str


class DarkroomError(Exception):
    """Root of the tree, and the error for failures that no class below names."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str = "Something went wrong.",
        *,
        field: str | None = None,
        parameter: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The request field at fault, in the dialect's spelling."""
        self.parameter = parameter
        """The query parameter at fault."""
        self.retry_after_s = retry_after_s
        """Seconds after which the caller may retry."""
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


class ClientTimeoutError(InvalidRequestError):
    code = "client_timeout"


class KeyReusedError(DarkroomError):
    status = 422
    code = "idempotency_key_reused"


class UnauthenticatedError(DarkroomError):
    status = 401
    code = "unauthenticated"


class ForbiddenError(DarkroomError):
    status = 403
    code = "forbidden"


class NotFoundError(DarkroomError):
    status = 404
    code = "not_found"


class UnknownModelError(NotFoundError):
    code = "model_not_found"


class ModelUnusableError(DarkroomError):
    status = 400
    code = "model_unusable"


class ContentFilteredError(DarkroomError):
    status = 400
    code = "content_filtered"


class PinRefusedError(DarkroomError):
    status = 409
    code = "pin_refused"


class GoneError(DarkroomError):
    status = 410
    code = "gone"


class BodyTooLargeError(DarkroomError):
    status = 413
    code = "body_too_large"


class UnsupportedMediaTypeError(DarkroomError):
    status = 415
    code = "unsupported_media_type"


class MisdirectedRequestError(DarkroomError):
    status = 421
    code = "misdirected_request"


class QuotaExceededError(DarkroomError):
    status = 429
    code = "quota_exceeded"


class QueueFullError(DarkroomError):
    status = 503
    code = "queue_full"


class EngineUnavailableError(DarkroomError):
    status = 503
    code = "engine_unavailable"


class ModelLoadingError(DarkroomError):
    status = 503
    code = "model_loading"


class StoreUnavailableError(DarkroomError):
    status = 503
    code = "store_unavailable"


class StorageFullError(StoreUnavailableError):
    code = "storage_full"


class GenerationFailedError(DarkroomError):
    status = 500
    code = "generation_failed"


class OutOfMemoryError(GenerationFailedError):
    code = "out_of_memory"


class NonFiniteResultError(GenerationFailedError):
    code = "non_finite_result"


class PoisonedError(GenerationFailedError):
    code = "poisoned"


class ModerationUnavailableError(DarkroomError):
    status = 503
    code = "moderation_unavailable"


class DeadlineExceededError(DarkroomError):
    status = 504
    code = "deadline_exceeded"


class WorkerLostError(DarkroomError):
    status = 503
    code = "worker_lost"


class ResultDiscardedError(DarkroomError):
    status = 503
    code = "result_discarded"


class CanceledError(DarkroomError):
    status = 499
    code = "canceled"
