"""The options of `darkroom generate` that stand for generation parameters, made from their declarations."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import typer

from darkroom._core.parameters import PARAMETERS, DeclaredParameter

CommandT = TypeVar("CommandT", bound=Callable[..., object])


def with_generation_options(parameters: Mapping[str, DeclaredParameter] = PARAMETERS) -> Callable[[CommandT], CommandT]:
    """Give a command that takes `**params` an option for each of `parameters`; an option that is not given is None.

    In the help they stand behind the command's positional parameters and before its keyword-only ones.
    """

    def decorate(command: CommandT) -> CommandT:
        signature = inspect.signature(command, eval_str=True)
        own = list(signature.parameters.values())
        options = [_option(parameter) for parameter in parameters.values() if parameter.declaration.is_option]
        # inspect.signature, and so typer, reads `__signature__` (PEP 362), which mypy does not know of on functions.
        command.__signature__ = signature.replace(  # type: ignore[attr-defined]
            parameters=[
                *(each for each in own if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD),
                *options,
                *(each for each in own if each.kind is inspect.Parameter.KEYWORD_ONLY),
            ]
        )
        return command

    return decorate


def _option(parameter: DeclaredParameter) -> inspect.Parameter:
    about = parameter.declaration
    option = typer.Option(parameter.option, help=about.help, metavar=about.metavar, min=about.minimum)
    kind: Any = parameter.type
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, option]
    )
