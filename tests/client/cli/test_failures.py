"""The messages and exit statuses for what a command may raise."""

from __future__ import annotations

import pytest
import typer

from darkroom.cli.failures import explain, explained
from darkroom.errors import APIConnectionError, BadRequestError, DarkroomError, InternalServerError


@pytest.mark.parametrize(
    ("field", "option"),
    [("prompt", "PROMPT"), ("steps", "--steps"), ("guidance_scale", "--guidance"), ("size", "--size")],
)
def test_an_error_about_a_field_names_the_option(field: str, option: str) -> None:
    explanation = explain(BadRequestError(f"{field}: Too much.", status_code=400, param=field))
    assert explanation.format_message() == f"Invalid value for '{option}': Too much."
    assert explanation.exit_code == 2


@pytest.mark.parametrize("field", [None, "n", "stream"])
def test_an_error_about_another_field_is_a_failure(field: str | None) -> None:
    explanation = explain(BadRequestError("n: Too many.", status_code=400, param=field))
    assert (explanation.format_message(), explanation.exit_code) == ("n: Too many.", 1)


def test_a_server_error_does_not_blame_an_option() -> None:
    explanation = explain(InternalServerError("It failed.", status_code=500, param="size"))
    assert (explanation.format_message(), explanation.exit_code) == ("It failed.", 1)


def test_a_connection_error_asks_whether_a_server_runs_there() -> None:
    explanation = explain(APIConnectionError("http://x does not answer"))
    assert explanation.format_message() == "http://x does not answer. Is a Darkroom server running there?"


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DarkroomError("It failed."), 1, "It failed."),
        (ValueError("the address is wrong"), 2, "the address is wrong"),
        (OSError(13, "Permission denied", "out.png"), 1, "out.png: Permission denied"),
    ],
)
def test_errors_of_backends_and_files_end_the_command_with_a_message(
    error: Exception, status: int, message: str
) -> None:
    with pytest.raises(typer.TyperException) as caught, explained():
        raise error
    assert (caught.value.exit_code, message in caught.value.format_message()) == (status, True)
