"""Reads `DARKROOM_API_KEY_FILE`: keys that are not in the database, such as those in a container's secret.

A line holds a secret and then, separated by spaces, properties of its key: `tenant=`, `role=` and `name=`. Without them
it is an admin's key of the default tenant. Empty lines and lines that begin with # are skipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from service.auth.identity import DEFAULT_TENANT, Role
from service.auth.keys import MAX_SECRET_CHARACTERS, ApiKey, NewKey, digest
from service.operator_file import read_operator_file

MIN_SECRET_CHARACTERS: Final = 32
_MIN_DISTINCT: Final = 10
"""A secret with fewer different characters was not drawn at random."""
_FIELDS: Final = ("tenant", "role", "name")

_State: TypeAlias = tuple[int, int, int, int]
"""Device, inode, size and modification time of a file. Another state means that its content may differ."""


class KeyFile:
    """Reads one key file, which may change while the server runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: _State | None = None
        self._keys: Sequence[ApiKey] = ()

    def read(self) -> Sequence[ApiKey]:
        """Returns the keys that the file holds now. It is read only where it has changed.

        Raises ValueError, with a sentence that holds no secret, where it cannot be read or a line is not a key.
        """
        try:
            state = _state(self._path)
            if state != self._state:
                self._keys = parse_keys(read_operator_file(self._path, "add keys to it"), self._path)
                self._state = state
        except OSError as error:
            raise ValueError(f"The API keys cannot be read from {self._path} ({error.strerror}).") from error
        return self._keys


def parse_keys(text: str, path: Path) -> list[ApiKey]:
    """Returns the keys in `text`. Raises ValueError, naming the file and the line, where there is none or a bad one."""
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            key = _key(line.split(), number)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        if key.sha256 in keys:
            raise ValueError(f"{path}, line {number}: this key is there twice.")
        keys[key.sha256] = key
    if not keys:
        raise ValueError(f"{path} holds no API key.")
    return list(keys.values())


def _key(words: Sequence[str], number: int) -> ApiKey:
    secret, *rest = words
    _check_secret(secret)
    given: dict[str, str] = {}
    for word in rest:
        name, _, value = word.partition("=")
        if name not in _FIELDS or name in given:
            raise ValueError("after the key there may be tenant=..., role=... and name=..., each once.")
        given[name] = value
    if given.get("role", "admin") not in [*Role]:
        raise ValueError(f"the role must be {' or '.join(Role)}.")
    described = NewKey(
        name=given.get("name", f"line {number} of the key file"),
        role=Role(given.get("role", "admin")),
        tenant=given.get("tenant", DEFAULT_TENANT),
    )
    sha256 = digest(secret)
    # An id that stays when lines move, and that does not reveal the digest.
    key_id = f"file_{hashlib.sha256(f'id of {sha256}'.encode()).hexdigest()[:16]}"
    return ApiKey(
        id=key_id,
        sha256=sha256,
        name=described.name,
        role=described.role,
        tenant=described.tenant,
        created_at=0.0,
    )


def _check_secret(secret: str) -> None:
    if not MIN_SECRET_CHARACTERS <= len(secret) <= MAX_SECRET_CHARACTERS or not secret.isascii():
        raise ValueError(
            f"a key must have {MIN_SECRET_CHARACTERS} to {MAX_SECRET_CHARACTERS} ASCII characters; "
            "`openssl rand -hex 32` makes one."
        )
    if len(set(secret)) < _MIN_DISTINCT:
        raise ValueError("the key is too simple; `openssl rand -hex 32` makes one.")


def _state(path: Path) -> _State:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
