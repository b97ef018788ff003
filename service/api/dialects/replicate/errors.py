"""How a request is refused in Replicate's shape: one sentence a field, below `input`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from service.api.http.dialect import FieldProblem
from service.errors import Problem, UnprocessableError

_MAX_PROBLEMS: Final = 20


def refuse_envelope(problems: Sequence[FieldProblem]) -> UnprocessableError:
    """The error about fields of the body itself."""
    return _refuse(problems, "")


def refuse_input(problems: Sequence[FieldProblem]) -> UnprocessableError:
    """The error about fields of `input`."""
    return _refuse(problems, "input.")


def _refuse(problems: Sequence[FieldProblem], prefix: str) -> UnprocessableError:
    told = dict.fromkeys((f"{prefix}{each.location[0]}", f"{each.detail}.") for each in problems[:_MAX_PROBLEMS])
    return UnprocessableError(
        "\n".join(f"- {name}: {detail}" for name, detail in told),
        problems=tuple(Problem(f"/{name.replace('.', '/', 1)}", detail) for name, detail in told),
    )
