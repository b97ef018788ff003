"""The key that signs links to images, kept in a file of the data folder. Knows no links."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path
from typing import Final

from service.images.disk import PARTIAL, make_folder, sync_folder, write_file

LINK_KEY: Final = "link_key"
"""Name of the file, within the data folder."""
_KEY_BYTES: Final = 32
_KEY_TEXT: Final = re.compile(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", re.ASCII)


def load_link_key(data_dir: Path) -> bytes:
    """Returns the key in `data_dir`. The first start makes it, readable by its owner alone.

    Servers that start together agree on one key. Raises OSError where the key can be neither read nor made, and
    ValueError where the file holds something else; both name the file.
    """
    file = data_dir / LINK_KEY
    try:
        make_folder(data_dir)
        if not file.exists():
            _make_key(file)
        text = file.read_text("ascii", "replace")
    except OSError as error:
        raise OSError(f"The key that signs links cannot be kept in {file} ({error.strerror}).") from error
    if not _KEY_TEXT.fullmatch(text):
        raise ValueError(
            f"{file} does not hold a key of {_KEY_BYTES} bytes. Delete it: the next start makes a new one."
        )
    return bytes.fromhex(text)


def _make_key(file: Path) -> None:
    """Stores a new key, whole or not at all. A key that another server has stored meanwhile stays."""
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}{PARTIAL}")
    try:
        write_file(partial, secrets.token_bytes(_KEY_BYTES).hex().encode())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(file.parent)
