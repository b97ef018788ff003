"""Checks that the head of an HTTP/1.1 message tells its end and its host unambiguously. Knows no sockets."""

from __future__ import annotations

import re
from typing import Final

_WHOLE_ADDRESS: Final = re.compile(rb"https?://([^/?]*)(?:[/?].*)?", re.IGNORECASE)

Headers = list[tuple[bytes, bytes]]
"""Names, in lower case, and values."""


def says_where_it_ends(method: bytes, version: str, headers: Headers) -> bool:
    """Whether any two servers would agree on where the message ends.

    The parser itself refuses a `Content-Length` beside a `Transfer-Encoding` or another `Content-Length`.
    """
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if method == b"CONNECT" or version not in ("1.0", "1.1"):
        return False
    return not codings or (version == "1.1" and codings == [b"chunked"])


def names_one_host(target: bytes, headers: Headers) -> bool:
    """Whether a target that is a whole address (RFC 9112, 3.2.2) has the host of the header. Proxies go by the one or
    the other. A target has no fragment.
    """
    if b"#" in target:
        return False
    match = _WHOLE_ADDRESS.fullmatch(target)
    hosts = [value.lower() for name, value in headers if name == b"host"]
    return target.startswith((b"/", b"*")) if match is None else hosts == [match[1].lower()]


def head_without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """Returns the bytes of the head without the offer to upgrade."""
    lines = [b"%b: %b" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([b"%b %b HTTP/%b" % (method, url, version.encode()), *lines, b"\r\n"])
