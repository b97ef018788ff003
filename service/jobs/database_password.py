"""Puts the password of a file into the URL of a database. The password is nowhere else than in the URL."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL


def with_password(url: URL, file: Path | None) -> URL:
    """Returns `url` with the password that `file` holds; line ends after it do not count. None changes nothing.

    Raises ValueError, with a sentence that holds no password, where there is none in the file or no place for it.
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
