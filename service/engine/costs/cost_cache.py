"""Measured costs kept on disk between starts, as long as the model, the device and the libraries stay the same.

Runs in the worker's process. It is a cache only: a file that cannot be read or written is ignored. The worker stores
the costs after its warm-up, about once a minute while it serves, and when it has drained; so a crash costs the
measurements of a minute.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from service.engine.costs.cost_table import CostTable

_FORMAT: Final = 2
"""Version of the file's format and meaning. A file of another version has another name and is not found."""
_STORE_INTERVAL_S: Final = 60.0

_log = logging.getLogger(__name__)


class CostCache:
    """One JSON file per identity, which is everything that the costs depend on."""

    def __init__(self, folder: Path | None, identity: Mapping[str, str | int | None]) -> None:
        """Keeps nothing where `folder` is None."""
        name = hashlib.sha256(json.dumps([_FORMAT, identity], sort_keys=True).encode()).hexdigest()
        self._path = folder and folder / "costs" / f"{name}.json"
        self._stored_s = -math.inf
        self._warned = False

    def load(self) -> CostTable:
        """Returns the stored costs, or an empty table where there are none or the file is invalid."""
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
                table = msgspec.json.decode(self._path.read_bytes(), type=CostTable)
                if _is_valid(table):
                    return table
        return CostTable()

    def store(self, table: CostTable) -> None:
        """Stores the costs without their `max_count`: the next start may have more memory."""
        if self._path is None:
            return
        costs = tuple(msgspec.structs.replace(cost, max_count=None) for cost in table.costs)
        try:
            _write_atomically(self._path, msgspec.json.encode(CostTable(costs)))
        except OSError as error:
            if not self._warned:
                _log.warning("cannot write the cache of measured costs: %s", error.strerror)
            self._warned = True

    def store_if_due(self, table: Callable[[], CostTable], now_s: float) -> None:
        """Stores what `table` returns, at most once a minute, and does nothing otherwise.

        `now_s` is the time of any clock that does not go back.
        """
        if now_s - self._stored_s >= _STORE_INTERVAL_S:
            self._stored_s = now_s
            self.store(table())


def _is_valid(table: CostTable) -> bool:
    return all(
        point.count >= 1 and 0 <= point.seconds < math.inf and 0 < point.weight < math.inf
        for cost in table.costs
        for point in cost.points
    )


def _write_atomically(path: Path, content: bytes) -> None:
    """Replaces the file as a whole, even while other processes write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
