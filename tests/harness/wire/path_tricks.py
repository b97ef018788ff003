"""Names with which a caller tries to reach a file that is not served."""

from __future__ import annotations

from typing import Final

TRICKS: Final = (
    "../link_key", "..%2flink_key", "..%5clink_key", "%2e%2e%2flink_key", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
    "%2fetc%2fpasswd", "link_key%00.png", "%00", ".", "..", "~", "file:%2f%2f%2fetc%2fpasswd", "..;/link_key", "stray",
)  # fmt: skip
"""Parts of a URL. `stray` is the name that a test gives to a link which leads out of a folder."""
