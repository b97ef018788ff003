"""Measured costs kept on disk between starts, as long as the model, the device and the libraries stay the same.

Runs in the worker's process. It is a cache only: a file that cannot be read or written is ignored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from service.engine.costs.cost_model import CostTable

_log = logging.getLogger(__name__)


class CostCache:
    """One JSON file per identity, which is everything that the costs depend on."""

    def __init__(self, folder: Path | None, identity: Mapping[str, str | int | None]) -> None:
        """Keeps nothing where `folder` is None."""
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._path = folder and folder / "costs" / f"{name}.json"

    def load(self) -> CostTable:
        """Returns the stored costs, or an empty table where there are none or the file is invalid."""
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
                table = msgspec.json.decode(self._path.read_bytes(), type=CostTable)
                if _is_valid(table):
                    return table
        return CostTable()

    def store(self, table: CostTable) -> None:
        """Stores the costs without their `max_rows`: the next start may have more memory."""
        sizes = tuple(msgspec.structs.replace(cost, max_rows=None) for cost in table.sizes)
        if self._path is None:
            return
        try:
            _write_atomically(self._path, msgspec.json.encode(CostTable(sizes, table.encode_s)))
        except OSError as error:
            _log.warning("cannot write the cache of measured costs: %s", error.strerror)


def fingerprint(folder: Path) -> str:
    """Returns a digest of a model folder's JSON files and of the names and sizes of all its files.

    Returns an empty string where `folder` is not a folder.
    """
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        if path.name.endswith(".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_valid(table: CostTable) -> bool:
    points = [point for cost in table.sizes for point in (*cost.calls, *cost.decodes)]
    return all(cost.calls and cost.decodes for cost in table.sizes) and all(
        count >= 1 and 0 <= seconds < float("inf") for count, seconds in [*points, (1, table.encode_s)]
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
