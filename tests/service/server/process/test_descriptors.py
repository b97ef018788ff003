"""The limit on open files bounds the connections."""

from __future__ import annotations

import subprocess
import sys

import pytest

from service.server.process.descriptors import OTHER_FILES, affordable
from tests.harness.paths import ROOT


@pytest.mark.parametrize(
    ("wanted", "limit", "connections"),
    [(512, 65_536, 512), (512, OTHER_FILES + 100 + 300, 300), (512, 64, 16), (5, 64, 5)],
)
def test_as_many_connections_are_allowed_as_there_are_descriptors_for(
    wanted: int, limit: int, connections: int
) -> None:
    assert affordable(wanted, limit, beside=100) == connections


@pytest.mark.parametrize(("soft", "hard", "raised"), [(100, 300, 300), (300, 300, 300)])
def test_the_soft_limit_is_raised_to_the_hard_one(soft: int, hard: int, raised: int) -> None:
    script = (
        "import resource\nfrom service.server.process.descriptors import raise_limit\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
        "print(raise_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == [str(raised), str(raised), str(hard)]
