"""The families by the pipeline class that a folder's `model_index.json` names. Knows none of them itself."""

from __future__ import annotations

from typing import Any, Final

from pipelines.families.base import Family
from pipelines.registry import Registry

FAMILIES: Final[Registry[type[Family[Any]]]] = Registry("family")
"""Families register themselves when `pipelines.families` is imported."""
