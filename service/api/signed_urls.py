"""Signed links to single images, which work without a key until they expire: an HMAC-SHA-256 over the link."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

_KEY_BYTES: Final = 32
_KEY_TEXT: Final = re.compile(rf"[0-9a-f]{{{2 * _KEY_BYTES}}}", re.ASCII)


class LinkSigner:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def path(self, job_id: str, index: int, expires_at: int) -> str:
        """Returns the path and query of a link that expires at `expires_at`, in Unix seconds."""
        query = urlencode({"expires": expires_at, "signature": self._signature(job_id, index, expires_at)})
        return f"/shared/{job_id}/{index}?{query}"

    def holds(self, job_id: str, index: int, expires_at: int, signature: str, *, now: float) -> bool:
        expected = self._signature(job_id, index, expires_at)
        # compare_digest accepts only ASCII text, but any bytes.
        return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) and now < expires_at

    def _signature(self, job_id: str, index: int, expires_at: int) -> str:
        # The word of the first release: another one would break the links that are out.
        message = f"picture\n{job_id}\n{index}\n{expires_at}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()


def load_link_key(data_dir: Path) -> bytes:
    """Returns the key in `data_dir`. The first start makes it, readable by its owner alone.

    Raises OSError, and ValueError where the file holds something else.
    """
    file = data_dir / "link_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        _make_key(file)
    text = file.read_text("ascii", "replace")
    if not _KEY_TEXT.fullmatch(text):
        raise ValueError(
            f"{file} does not hold a key of {_KEY_BYTES} bytes. Delete it: the next start makes a new one."
        )
    return bytes.fromhex(text)


def _make_key(file: Path) -> None:
    """Writes a new key, whole or not at all. A key that another server has written meanwhile stays."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w") as new:
            new.write(secrets.token_bytes(_KEY_BYTES).hex())
            new.flush()
            os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(partial)
    finally:
        partial.unlink()
