"""Checks the address of a moderation service. Imports nothing of ours."""

from __future__ import annotations

from urllib.parse import urlsplit


def check_endpoint(url: str) -> None:
    """Raises ValueError, with a sentence that does not repeat the URL, where it is not a moderation service's."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a password: the key of the service belongs in a file")
    if parts.fragment or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("must be a URL in ASCII without a fragment")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("must have a port from 0 to 65535") from None
