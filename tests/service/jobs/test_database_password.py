"""The database's password comes from a file, and files without a password are refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from service.jobs.database_password import with_password

URL = make_url("postgresql+psycopg://darkroom@db/jobs")
SECRET = "cAnArY7 /@:?"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_password_of_the_file_is_used_to_connect_and_shown_nowhere(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "password"
    file.write_bytes((SECRET + ending).encode())

    url = with_password(URL, file)

    assert url.password == SECRET
    assert (url.username, url.host, url.database) == (URL.username, URL.host, URL.database)
    assert make_url(url.render_as_string(hide_password=False)) == url, "whatever is in it"
    assert "cAnArY7" not in f"{url} {url!r}"


def test_without_a_file_the_url_stays() -> None:
    assert with_password(URL, None) is URL


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_password_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"/password( is empty|: it is not UTF-8)"):
        with_password(URL, file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^The database's password cannot be read from .*/none \(No such file"):
        with_password(URL, tmp_path / "none")


def test_a_password_that_has_no_place_is_refused_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(SECRET)
    with pytest.raises(ValueError, match="SQLite"):
        with_password(make_url("sqlite:////data/jobs.sqlite3"), file)
    with pytest.raises(ValueError, match="leave one of them out") as refused:
        with_password(URL.set(password="cAnArY8"), file)
    assert "cAnArY" not in str(refused.value)
