"""Checks the folders to which a server writes, and the addresses on which it listens."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from service.cli.checks.findings import Finding, failed, note, ok
from service.server.addresses import listening
from service.setting_groups.fields import split
from service.settings import Settings


def check_data(settings: Settings) -> Finding:
    return _folder("data folder", settings.data_dir)


def check_cache(settings: Settings) -> Iterator[Finding]:
    if settings.cache_dir is not None:
        yield _folder("cache folder", settings.cache_dir)


def check_listeners(settings: Settings) -> Iterator[Finding]:
    """Yields a finding for the API's listener and one for the second listener, unless there is none."""
    if settings.uds is None:
        yield _listener("listener", settings.host, settings.port)
    else:
        yield _folder("listener", settings.uds.parent)
    if settings.admin_port is not None:
        yield _listener("second listener", settings.admin_host, settings.admin_port)


def _folder(what: str, folder: Path) -> Finding:
    """Checks that the folder exists or can be created, and can be written to."""
    there = next((each for each in (folder, *folder.absolute().parents) if os.path.lexists(each)), folder)
    if not there.is_dir():
        return failed(what, f"{there} is not a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        return failed(what, f"{there} cannot be written to.")
    return ok(what, str(folder) if there == folder else f"{folder}, which the server will make")


def _listener(what: str, hosts: str, port: int) -> Finding:
    """Checks that the addresses are free, by listening on them for a moment."""
    try:
        with listening(split(hosts), port):
            return ok(what, f"{hosts}, port {port}")
    except OSError as error:
        if getattr(error.__cause__, "errno", None) == errno.EADDRINUSE:
            return note(what, f"{error}: by a server that runs already, or by another program.")
        return failed(what, str(error))
