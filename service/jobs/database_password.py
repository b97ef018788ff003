"""Puts a password from a file into the URL of a database, and keeps it nowhere else."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL


def with_password(url: URL, file: Path | None) -> URL:
    """Returns `url` with the password in `file`, without line ends after it. None changes nothing.

    Raises ValueError, with a sentence without the password, where the file has none or the URL has no place for it.
    """
    if file is None:
        return url
    if url.get_backend_name() == "sqlite":
        raise ValueError(f"The password in {file} has no use: the database is a SQLite file.")
    if url.password is not None:
        raise ValueError(f"The database's password is in its URL and in {file}: leave one of them out.")
    return url.set(password=_read(file))


def _read(file: Path) -> str:
    try:
        password = file.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"The database's password cannot be read from {file} ({error.strerror}).") from error
    except UnicodeDecodeError:
        raise ValueError(f"The database's password cannot be read from {file}: it is not UTF-8.") from None
    if not password:
        raise ValueError(f"{file} is empty, and should hold the database's password.")
    return password
