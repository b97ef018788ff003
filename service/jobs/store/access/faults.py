"""Tells which database errors mean that the database is in trouble, and describes them for the operator's log."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

from sqlalchemy import exc

FAULTS: Final = (exc.DatabaseError, exc.InterfaceError, exc.TimeoutError, OSError, TimeoutError)
"""Errors of a database in trouble. `MISTAKES` are subclasses and do not count."""
MISTAKES: Final = (exc.DataError, exc.IntegrityError, exc.NotSupportedError, exc.ProgrammingError)
"""Errors of a wrong statement."""
_CREDENTIALS: Final = (
    (re.compile(r"(\w+://[^\s:/@]*):[^\s@]*@"), r"\1:***@"),
    (re.compile(r"(password\s*=\s*)('[^']*'|\S+)", re.IGNORECASE), r"\1***"),
)
_MAX_CHARACTERS: Final = 300
_LASTING: Final = (
    (
        re.compile("28P01|28000|password authentication failed|role .* does not exist|no pg_hba.conf entry"),
        "{0}: check the user and the password of the database's URL.",
    ),
    (re.compile("3D000|database .* does not exist"), "{0}: create it first, or check the name in the URL."),
    (re.compile("SQLITE_NOTADB"), "The database cannot be used: {0}."),
)
"""Errors that do not go away by themselves, by SQLSTATE, name or message, with the sentence about each. A refused
connection has no SQLSTATE."""


def is_fault(error: BaseException) -> bool:
    """Returns whether the error means that the database is in trouble."""
    return isinstance(error, FAULTS) and not isinstance(error, MISTAKES)


def fault_name(error: BaseException) -> str:
    """Returns the error's SQLSTATE or the name that SQLite gives it, else the name of its class."""
    cause = driver_error(error)
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return getattr(cause, "sqlstate", None) or type(cause).__name__


def fault_message(error: BaseException) -> str:
    """Returns the driver's message on one line, shortened, without credentials."""
    text = " ".join(str(driver_error(error)).split())
    for pattern, replacement in _CREDENTIALS:
        text = pattern.sub(replacement, text)
    return text[:_MAX_CHARACTERS]


def lasting_fault(error: BaseException) -> str | None:
    """Returns a sentence about an error that does not go away by itself, or None for any other error."""
    message = fault_message(error)
    for pattern, sentence in _LASTING:
        if pattern.search(f"{fault_name(error)} {message}"):
            return sentence.format(message)
    return None


def driver_error(error: BaseException) -> BaseException:
    """Returns the driver's error inside one of SQLAlchemy's, or the error itself."""
    cause = getattr(error, "orig", None)
    return cause if isinstance(cause, BaseException) else error
