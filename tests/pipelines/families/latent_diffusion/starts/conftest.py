"""Models as we run them beside diffusers' own pipelines."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.levels import integration_fixture

if TYPE_CHECKING:
    from tests.harness.models.pairs import Pair


@pytest.fixture(scope="package")
@integration_fixture
def pair(zoo: Callable[[str], Path]) -> Pair:
    from tests.harness.models import diffusers_reference, tiny_model

    return functools.cache(lambda kind: (tiny_model.load(zoo(kind)), diffusers_reference.load(zoo(kind))))
