"""Signed links, which work without a key until they expire: to single images and, by their paths, to other things.

The signature is an HMAC-SHA-256 over the link.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final
from urllib.parse import urlencode

EXTENSIONS: Final = {"image/png": "png", "image/webp": "webp", "image/jpeg": "jpg"}
"""Extensions of links by the media types of their images. Clients name the files that they save after them."""
PARAMETERS: Final = "with"
"""Value of the query parameter `parameters` of a link whose file holds its parameters."""


class LinkSigner:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def path(
        self, job_id: str, index: int, expires_at: int, *, media_type: str, include_parameters: bool = False
    ) -> str:
        """Returns the path and query of a link that expires at `expires_at`, in Unix seconds.

        The path ends in the extension of `media_type`, which is that of the image. Links of all
        dialects are made here; to make one absolute, put the server's own address before it.
        """
        signature = self._signature(job_id, index, expires_at, include_parameters)
        chosen = {"parameters": PARAMETERS} if include_parameters else {}
        query = urlencode({"expires": expires_at, **chosen, "signature": signature})
        return f"/shared/{job_id}/{index}.{EXTENSIONS[media_type]}?{query}"

    def holds(
        self, job_id: str, index: int, expires_at: int, signature: str, *, include_parameters: bool = False, now: float
    ) -> bool:
        """Whether the signature is that of `path` for the same link, and the link has not expired."""
        expected = self._signature(job_id, index, expires_at, include_parameters)
        return _is_same(expected, signature) and now < expires_at

    def signed_path(self, path: str, expires_at: int) -> str:
        """Returns `path`, which is not that of an image, with a query by which anybody may read it for a time."""
        return f"{path}?{urlencode({'expires': expires_at, 'signature': self._path_signature(path, expires_at)})}"

    def opens(self, path: str, expires_at: int, signature: str, *, now: float) -> bool:
        """Whether the signature is that of `signed_path`, and the link has not expired."""
        return _is_same(self._path_signature(path, expires_at), signature) and now < expires_at

    def _signature(self, job_id: str, index: int, expires_at: int, include_parameters: bool) -> str:
        # The word of the first release: another one would break the links that are out.
        message = f"picture\n{job_id}\n{index}\n{expires_at}" + ("\nparameters" if include_parameters else "")
        return self._signed(message)

    def _path_signature(self, path: str, expires_at: int) -> str:
        return self._signed(f"path\n{path}\n{expires_at}")

    def _signed(self, message: str) -> str:
        return hmac.new(self._key, message.encode(), hashlib.sha256).hexdigest()


def _is_same(expected: str, signature: str) -> bool:
    # compare_digest accepts only ASCII text, but any bytes.
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
