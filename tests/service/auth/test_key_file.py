"""The key file is read line by line, or refused with a sentence that repeats no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.auth.identity import DEFAULT_TENANT, Role
from service.auth.key_file import KeyFile, parse_keys
from service.auth.keys import ApiKey, digest
from tests.harness.keys import secret_of

SECRET = secret_of("file")


def keys_in(text: str) -> list[ApiKey]:
    return parse_keys(text, Path("keys"))


def test_a_line_is_an_admins_key_of_the_default_tenant() -> None:
    (key,) = keys_in(f"\n# for the page\n{SECRET}\n")

    assert (key.role, key.tenant, key.name) == (Role.ADMIN, DEFAULT_TENANT, "line 3 of the key file")
    assert key.sha256 == digest(SECRET)
    assert key.expires_at is None


def test_a_line_may_say_otherwise() -> None:
    (key,) = keys_in(f"{SECRET}  role=user\ttenant=alice name=ci")

    assert (key.role, key.tenant, key.name) == (Role.USER, "alice", "ci")


def test_the_id_of_a_key_stays_where_its_line_moves_and_tells_nothing_of_it() -> None:
    (before,) = keys_in(SECRET)
    _, after = keys_in(f"{secret_of('other')}\n{SECRET}")

    assert before.id == after.id
    assert before.id.removeprefix("file_") not in digest(SECRET)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "keys holds no API key"),
        ("# only a comment\n", "keys holds no API key"),
        ("drk_short", "line 1: a key must have 32 to 256 ASCII characters"),
        ("x" * 300, "line 1: a key must have 32 to 256"),
        ("a" * 40, "line 1: the key is too simple"),
        (f"{SECRET}é", "ASCII"),
        (f"{SECRET}\n{SECRET}", "line 2: this key is there twice"),
        (f"{SECRET} tenat=alice", "line 1: after the key there may be tenant="),
        (f"{SECRET} tenant=a tenant=b", "each once"),
        (f"{SECRET} role=root", "the role must be user or admin"),
        (f"{SECRET} tenant=a/b", "A tenant must have"),
        (f"{SECRET} name=", "A key's name must have"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line_without_the_secret(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        keys_in(text)

    assert SECRET not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(SECRET)
    file = KeyFile(path)
    first = file.read()

    assert file.read() is first
    path.write_text(f"{secret_of('another')}\n")
    assert [key.sha256 for key in file.read()] == [digest(secret_of("another"))]


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(SECRET)
    path.chmod(0o646)

    with pytest.raises(ValueError, match="Everybody may write"):
        KeyFile(path).read()


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff" * 40, "not UTF-8"), (b"#" * (2 << 20), "larger than")], ids=["binary", "huge"]
)
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)

    with pytest.raises(ValueError, match=said):
        KeyFile(path).read()


def test_a_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="API keys cannot be read"):
        KeyFile(tmp_path / "none").read()
    with pytest.raises(ValueError, match="cannot be read"):
        KeyFile(tmp_path).read()
