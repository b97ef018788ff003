"""The result of one check."""

from __future__ import annotations

import enum
from typing import NamedTuple


class State(enum.StrEnum):
    OK = "ok"
    NOTE = "note"
    """A server may start nevertheless."""
    FAILED = "failed"


class Finding(NamedTuple):
    what: str
    """The thing that was checked, in a few words."""
    state: State
    detail: str
    """A sentence or a few words for people, without secrets."""


def ok(what: str, detail: str) -> Finding:
    return Finding(what, State.OK, detail)


def note(what: str, detail: str) -> Finding:
    return Finding(what, State.NOTE, detail)


def failed(what: str, detail: str) -> Finding:
    return Finding(what, State.FAILED, detail)
