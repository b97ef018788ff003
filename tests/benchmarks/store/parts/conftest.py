from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks.store.parts.stage import SMOKE, Stage
from benchmarks.store.servers.databases import SqliteFiles
from benchmarks.store.servers.versions import this_tree


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """This tree on SQLite, with next to no load."""
    sizes = dataclasses.replace(SMOKE, seconds=0.5, settle_s=0.3)
    return Stage(this_tree(), SqliteFiles(), sizes, tmp_path)
