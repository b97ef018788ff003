"""The parts of an HTTP dialect: its routes, the shape of its errors, and how it reads a body.

A dialect is a value of this module, made in its own folder under `service.api.dialects` and registered by one line
there. Nothing outside that folder asks which dialect it is dealing with.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter

from service.errors import DarkroomError, InvalidRequestError, Problem


class UnknownFields(enum.Enum):
    """A dialect's policy for a field of a body that its schema does not know."""

    IGNORE = enum.auto()
    """The request is served, and the answer names the ignored fields. `BodyRules.objection` says which are refused."""
    REFUSE = enum.auto()
    """The request is refused, since a misspelled field should not cost an image."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """A problem with one field of a body."""

    location: tuple[str | int, ...]
    """The field's name as the caller spelled it, then the indexes into its lists."""
    detail: str
    """A sentence without its period. It never repeats the caller's input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """The rules by which a dialect reads the fields of a body."""

    unknown_fields: UnknownFields
    refuse: Callable[[Sequence[FieldProblem]], InvalidRequestError]
    """Makes the error about one or more problems."""
    objection: Callable[[str, object], str | None] = lambda _name, _value: None
    """Returns why an unknown field of that name and value cannot be ignored, as a sentence without its period; None
    where it can."""
    null_is_absent: bool = False
    """Whether a field that is null counts as not given."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other spellings, and the field that each stands for."""
    values: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """For a field, the texts that clients send instead of values, in lower case, and the value that each stands for.
    None stands for a field that is not given. Callers may use any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorAnswer:
    """The parts of an error from which a dialect makes its answer."""

    status: int
    code: str
    message: str
    field: str | None = None
    """The field at fault, as the caller spelled it."""
    parameter: str | None = None
    """The query parameter at fault."""
    problems: Sequence[Problem] = ()

    @classmethod
    def of(cls, error: DarkroomError) -> ErrorAnswer:
        return cls(
            status=error.status,
            code=error.code,
            message=error.message,
            field=error.field,
            parameter=error.parameter,
            problems=error.problems,
        )


def _unchanged(path: str) -> str:
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    name: str
    """The name in documentation and logs."""
    prefix: str
    """First segments of the paths that it answers, also where no route matches. The dialect with an empty prefix
    answers whatever no other does."""
    paths: Sequence[str] = ()
    """Single paths that it answers besides."""
    routers: Sequence[APIRouter]
    job_store_routers: Sequence[APIRouter] = ()
    """Routers that need the job store; a process without one leaves them out."""
    body_rules: BodyRules
    error_media_type: str
    error_body: Callable[[ErrorAnswer], dict[str, Any]]
    """The JSON body of an error."""
    error_statuses: Mapping[int, int] = field(default_factory=dict)
    """Maps statuses of errors that its clients misunderstand to those that are sent instead."""
    own_path: Callable[[str], str] = _unchanged
    """Returns this dialect's path for one of its paths as clients spell it. Returns any other path unchanged."""

    def covers(self, path: str) -> bool:
        if not self.prefix or path in self.paths:
            return True  # Not every target of a request is a path: OPTIONS may ask about "*".
        segments = self.prefix.split("/")
        return path.split("/")[: len(segments)] == segments


class Dialects:
    """The dialects of one server."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        """Raises `ValueError` unless names and prefixes are unique and one prefix is empty."""
        prefixes = [dialect.prefix for dialect in dialects]
        if len({dialect.name for dialect in dialects}) < len(dialects) or len(set(prefixes)) < len(dialects):
            raise ValueError("two dialects share a name or a prefix")
        if "" not in prefixes:
            raise ValueError("one dialect must answer the paths that no other does: its prefix is empty")
        self._listed = tuple(dialects)
        self._longest_first = sorted(dialects, key=lambda dialect: len(dialect.prefix), reverse=True)

    def __iter__(self) -> Iterator[Dialect]:
        return iter(self._longest_first)

    def at(self, path: str) -> Dialect:
        """Returns the dialect that answers requests for `path`."""
        return next(dialect for dialect in self if dialect.covers(path))

    def own_path(self, path: str) -> str:
        """Returns the path that `path` means in the first dialect that knows it, the longest prefix first."""
        return next((own for dialect in self if (own := dialect.own_path(path)) != path), path)

    def routers(self, *, with_job_store: bool) -> list[APIRouter]:
        """Returns the routers in the order in which the dialects were given, which is also that of the schema."""
        return [
            router
            for dialect in self._listed
            for router in (*dialect.routers, *(dialect.job_store_routers if with_job_store else ()))
        ]
