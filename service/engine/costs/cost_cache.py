"""Keeps measured costs on disk between starts, as long as the model, the device and the libraries stay the same.

Runs in the worker's process. It is only a cache: a file that cannot be read or written is ignored. The worker stores
the costs after its warm-up, about once a minute while it serves, and when it has drained, so a crash loses the
measurements of one minute.
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
from typing import Final, TypeAlias

import msgspec

from service.engine.costs.cost_table import CostTable, KeyCost

_TABLES: Final = msgspec.json.Decoder(CostTable)
_FORMAT: Final = 3
"""Version of the file's format and meaning. A file of another version has another name and is not found."""
_STORE_INTERVAL_S: Final = 60.0

CostIdentity: TypeAlias = Mapping[str, str | int | None]

_log = logging.getLogger(__name__)


class CostCache:
    """Keeps one JSON file per model and identity: everything that the costs of the model depend on."""

    def __init__(self, folder: Path | None, identities: Mapping[str, CostIdentity]) -> None:
        """Keeps nothing where `folder` is None. `identities` maps a model's name to its identity."""
        self._paths = (
            {}
            if folder is None
            else {model: folder / "costs" / _file_name(identity) for model, identity in identities.items()}
        )
        self._stored_s = -math.inf
        self._warned = False

    def load(self) -> CostTable:
        """Returns the stored costs of all models, without those whose file is missing or invalid."""
        costs: list[KeyCost] = []
        for path in self._paths.values():
            with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
                table = _TABLES.decode(path.read_bytes())
                if _is_valid(table):
                    costs.extend(table.costs)
        return CostTable(tuple(costs))

    def store(self, table: CostTable) -> None:
        """Stores the costs without their `max_count`: the next start may have more memory."""
        for model, path in self._paths.items():
            costs = tuple(
                msgspec.structs.replace(cost, max_count=None) for cost in table.costs if cost.key.model == model
            )
            if costs:
                self._write(path, CostTable(costs))

    def _write(self, path: Path, table: CostTable) -> None:
        try:
            _write_atomically(path, msgspec.json.encode(table))
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


def _file_name(identity: CostIdentity) -> str:
    return f"{hashlib.sha256(json.dumps([_FORMAT, identity], sort_keys=True).encode()).hexdigest()}.json"


def _is_valid(table: CostTable) -> bool:
    return all(
        point.count >= 1 and 0 <= point.seconds < math.inf and 0 < point.weight < math.inf
        for cost in table.costs
        for point in cost.points
    )


def _write_atomically(path: Path, content: bytes) -> None:
    """Replaces the file as a whole, even while other processes write it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
