"""The messages and exit statuses for what a command may raise."""

from __future__ import annotations

import pytest
import typer

from darkroom.cli.failures import explain, explained
from darkroom.cli.statuses import Status
from darkroom.errors import (
    APIConnectionError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    DarkroomError,
    InternalServerError,
    InvalidResponseError,
    JobCanceledError,
    JobDeletedError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RedirectError,
)


@pytest.mark.parametrize(
    ("field", "option"),
    [("prompt", "PROMPT"), ("steps", "--steps"), ("guidance_scale", "--guidance"), ("size", "--size")],
)
def test_an_error_about_a_field_names_the_option(field: str, option: str) -> None:
    explanation = explain(BadRequestError(f"{field}: Too much.", status_code=400, param=field))
    assert explanation.format_message() == f"Invalid value for '{option}': Too much."
    assert explanation.exit_code == 2


def test_the_list_of_models_is_named_as_the_command_that_shows_it() -> None:
    error = NotFoundError("No such model; GET /v1/models lists them.", status_code=404, param="model")
    assert (
        explain(error).format_message() == "Invalid value for '--model': No such model; `darkroom models` lists them."
    )


@pytest.mark.parametrize("field", [None, "n", "stream"])
def test_an_error_about_another_field_is_a_failure(field: str | None) -> None:
    explanation = explain(BadRequestError("n: Too many.", status_code=400, param=field))
    assert (explanation.format_message(), explanation.exit_code) == ("n: Too many.", 1)


def test_a_server_error_does_not_blame_an_option() -> None:
    explanation = explain(InternalServerError("It failed.", status_code=500, param="size"))
    assert (explanation.format_message(), explanation.exit_code) == ("It failed.", 1)


def test_a_job_that_failed_because_of_an_option_names_it() -> None:
    explanation = explain(JobFailedError("steps: Too many.", job_id="job_1", code="invalid_value", param="steps"))
    assert explanation.format_message() == "Invalid value for '--steps': Too many."


@pytest.mark.parametrize(
    ("error", "status", "advice"),
    [
        (APIConnectionError("http://x does not answer"), Status.UNREACHABLE, "`darkroom serve`"),
        (InvalidResponseError("http://x did not answer as a server does"), Status.UNREACHABLE, "did not answer as"),
        (AuthenticationError("No.", status_code=401), Status.REFUSED, "put one into DARKROOM_API_KEY, or into a file"),
        (PermissionDeniedError("Not yours", status_code=403), Status.REFUSED, "Not yours. Use a key that"),
        (APIStatusError("No.", status_code=421), Status.UNREACHABLE, "DARKROOM_ALLOWED_HOSTS"),
        (NotFoundError("the server answered 404", status_code=404), Status.NOT_FOUND, "--server"),
        (NotFoundError("No such job.", status_code=404, code="not_found"), Status.NOT_FOUND, "No such job."),
        (RateLimitError("Full.", status_code=429, retry_after=2.5), Status.BUSY, "Full. Try again in 3 s."),
        (InternalServerError("Starting.", status_code=503), Status.BUSY, "Starting."),
        (InternalServerError("It failed.", status_code=500), Status.FAILED, "It failed."),
        (JobCanceledError("Canceled.", job_id="job_1"), Status.CANCELED, "job_1 was canceled"),
        (JobDeletedError("Gone.", job_id="job_1"), Status.NOT_FOUND, "job_1 was deleted"),
        (JobFailedError("It failed.", job_id="job_1", code=None, param=None), Status.FAILED, "It failed."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error_has_its_status_and_says_what_to_do(
    error: DarkroomError, status: Status, advice: str
) -> None:
    explanation = explain(error)
    assert explanation.exit_code == status
    assert advice in explanation.format_message()


def test_a_redirect_says_which_option_to_change() -> None:
    error = RedirectError("http://here redirects. Set base_url.", status_code=308)
    error.location = "https://here/v1/models"
    message = explain(error).format_message()
    assert "--server" in message
    assert "https://here/v1/models" in message
    assert "base_url" not in message


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DarkroomError("It failed."), 1, "It failed."),
        (ValueError("the address is wrong"), 2, "the address is wrong"),
        (OSError(13, "Permission denied", "out.png"), 1, "out.png: Permission denied"),
        (BadRequestError("prompt.0: No.", status_code=422, param="prompt"), 2, "value for 'PROMPT': No."),
    ],
)
def test_errors_of_backends_and_files_end_the_command_with_a_message(
    error: Exception, status: int, message: str
) -> None:
    with pytest.raises(typer.TyperException) as caught, explained():
        raise error
    assert (caught.value.exit_code, message in caught.value.format_message()) == (status, True)
