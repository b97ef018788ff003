"""Checks the keys with which a server would start, and whether it would let everybody in unintentionally."""

from __future__ import annotations

from collections.abc import Iterator

from service.auth.key_file import KeyFile
from service.cli.checks.findings import Finding, failed, note, ok
from service.environment import is_loopback
from service.server.exposure import NO_KEYS_IN_PUBLIC
from service.settings import Settings


def check_access(settings: Settings, stored_keys: int | None) -> Iterator[Finding]:
    """Yields the findings. `stored_keys` is the number of keys in the database, or None where it is not known."""
    in_file = None
    if settings.api_key_file is not None:
        try:
            in_file = len(KeyFile(settings.api_key_file).read())
        except ValueError as error:
            yield failed("key file", str(error))
            return
        yield ok("key file", f"{settings.api_key_file} holds {in_file} {'key' if in_file == 1 else 'keys'}.")
    is_public = settings.uds is None and not is_loopback(settings.host)
    if settings.require_keys is False and is_public:
        yield note("access", f"Everybody who can reach {settings.host} can use the server.")
    elif in_file or stored_keys:
        yield ok("access", "Requests need a key.")
    elif settings.require_keys:
        yield note("access", "Nobody can use the server until there is a key.")
    elif is_public and stored_keys == 0:
        yield failed("access", NO_KEYS_IN_PUBLIC)
