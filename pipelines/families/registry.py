"""The families by the pipeline class that a folder's `model_index.json` names. Knows none of them itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from pipelines.families.base import Family
from pipelines.registry import Registry

FAMILIES: Final[Registry[type[Family[Any]]]] = Registry("family")
"""Families register themselves when `pipelines.families` is imported."""


def fitting(family: Family[Any], parts: Collection[str]) -> Family[Any]:
    """Return the family of a model that lists these parts and names the pipeline class of `family`.

    Some pipeline classes run the models of several families. A model that lists all the parts of a family which opens
    those of `family` and more is that one's: the class of the refiner, with both text encoders, is a base model.
    """
    candidates = [each() for each in FAMILIES.values()]
    larger = [each for each in candidates if set(family.components) < set(each.components) <= set(parts)]
    return max(larger, key=lambda each: len(each.components), default=family)
