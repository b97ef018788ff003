"""Measured costs kept on disk from one start to the next, for as long as what was measured stays the same.

A cache and no more: what cannot be read or written is done without.
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
    """One JSON file for each model, device and library that costs were measured with."""

    def __init__(self, folder: Path | None, identity: Mapping[str, str | int | None]) -> None:
        """`identity` is all that decides the costs; without a `folder` nothing is kept."""
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._path = folder and folder / "costs" / f"{name}.json"

    def load(self) -> CostTable:
        """What was measured before; an empty table where that is nothing, or cannot be read."""
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
                table = msgspec.json.decode(self._path.read_bytes(), type=CostTable)
                if _is_sound(table):
                    return table
        return CostTable()

    def store(self, table: CostTable) -> None:
        """All but what memory had room for, which may be more at the next start."""
        sizes = tuple(msgspec.structs.replace(cost, max_rows=None) for cost in table.sizes)
        if self._path is None:
            return
        try:
            _write(self._path, msgspec.json.encode(CostTable(sizes, table.encode_s)))
        except OSError as error:
            _log.warning("measured costs cannot be kept: %s", error.strerror)


def fingerprint(folder: Path) -> str:
    """Of a model folder: its configurations, and the names and sizes of its files. Empty where it is no folder."""
    if not folder.is_dir():
        return ""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
        if path.name.endswith(".json"):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_sound(table: CostTable) -> bool:
    points = [point for cost in table.sizes for point in (*cost.calls, *cost.decodes)]
    return all(cost.calls and cost.decodes for cost in table.sizes) and all(
        count >= 1 and 0 <= seconds < float("inf") for count, seconds in [*points, (1, table.encode_s)]
    )


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, whoever else writes."""
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
