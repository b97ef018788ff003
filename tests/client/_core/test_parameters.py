"""A generation parameter is declared in one place, from which its field, its option and its error hint are derived."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest
import typer

from darkroom._core import endpoints
from darkroom._core.parameters import JOB_PARAMETERS, PARAMETERS, STREAM_PARAMETERS, read_parameters
from darkroom.cli.app import run
from darkroom.cli.failures import explain
from darkroom.cli.options import with_generation_options
from darkroom.errors import BadRequestError
from darkroom.types import GenerateParams, Parameter


class MoreParams(GenerateParams, total=False):
    """`GenerateParams` as it would be with one more parameter."""

    clip_skip: Annotated[
        int | None,
        Parameter("Layers of the text encoder to skip.", wire_name="num_skipped_layers", metavar="LAYERS", minimum=1),
    ]


MORE = read_parameters(MoreParams)


def command_that_records(recorded: list[dict[str, Any]]) -> typer.Typer:
    """A command with the options of `MORE`, which keeps the values that it is called with."""
    app = typer.Typer()

    @app.command()
    @with_generation_options(MORE)
    def generate(prompt: str, **params: object) -> None:
        recorded.append({name: value for name, value in params.items() if value is not None})

    return app


def test_a_new_parameter_is_an_argument_and_a_field_of_the_request() -> None:
    sent = {"prompt": "x", "num_skipped_layers": 2, "num_inference_steps": 3}
    request = endpoints.generate("x", {"clip_skip": 2, "steps": 3}, MORE)
    assert request.body == {**sent, "response_format": "b64_json"}
    assert endpoints.submit("x", {"clip_skip": 2, "steps": 3}, None, MORE).body == sent
    with pytest.raises(TypeError, match="'clip_skip'"):
        endpoints.generate("x", {"clip_skip": 2})


def test_calls_that_take_more_take_all_that_others_take() -> None:
    for more in (JOB_PARAMETERS, STREAM_PARAMETERS):
        assert more.items() >= PARAMETERS.items()


def test_a_new_parameter_is_an_option() -> None:
    recorded: list[dict[str, Any]] = []
    app = command_that_records(recorded)
    assert run(app, ["x", "--clip-skip", "2", "--guidance", "1.5"]) == 0
    assert recorded == [{"clip_skip": 2, "guidance_scale": 1.5}]


def test_the_option_of_a_new_parameter_checks_its_minimum(capsys: pytest.CaptureFixture[str]) -> None:
    recorded: list[dict[str, Any]] = []
    assert run(command_that_records(recorded), ["x", "--clip-skip", "0"]) == 2
    assert "--clip-skip" in capsys.readouterr().err
    assert recorded == []


def test_the_help_describes_the_option_of_a_new_parameter(capsys: pytest.CaptureFixture[str]) -> None:
    run(command_that_records([]), ["--help"])
    words = capsys.readouterr().out.replace("│", " ").split()
    start = words.index("--clip-skip")
    assert words[start : start + 4] == ["--clip-skip", "LAYERS", "[x>=1]", "Layers"]


def test_an_error_about_a_new_parameter_names_its_option() -> None:
    error = BadRequestError("clip_skip: At most 12.", status_code=400, param="clip_skip")
    assert explain(error, MORE).format_message() == "Invalid value for '--clip-skip': At most 12."


def test_every_parameter_is_declared_with_a_help_text() -> None:
    assert PARAMETERS.keys() == GenerateParams.__annotations__.keys()
    assert all(parameter.declaration.help for parameter in PARAMETERS.values())


def test_no_two_parameters_share_an_option_or_a_field() -> None:
    assert len({parameter.option for parameter in PARAMETERS.values()}) == len(PARAMETERS)
    assert len({parameter.wire_name for parameter in PARAMETERS.values()}) == len(PARAMETERS)


def test_a_parameter_without_a_declaration_is_refused() -> None:
    class Incomplete(TypedDict):
        clip_skip: int | None

    with pytest.raises(TypeError, match="clip_skip must be declared as Annotated"):
        read_parameters(Incomplete)
