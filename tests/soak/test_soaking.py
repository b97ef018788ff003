"""A short soak loses nothing, and finds a leak that was planted."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import MakeCluster, make_cluster, prefork  # noqa: F401  # fixtures of both folders
from tests.soak.soaking import Soak, soak

pytestmark = pytest.mark.timeout(1800)


def test_a_short_soak_loses_nothing_and_finds_a_planted_leak(make_cluster: MakeCluster) -> None:  # noqa: F811  # the fixture
    tally, samples = soak(make_cluster(), Soak(seconds=24.0, crash_every_s=4.0, leak_bytes=1 << 20))

    assert [each.about.split(":")[0] for each in tally.discrepancies if each.kind == "growth"] == ["server_bytes"]
    assert [each for each in tally.discrepancies if each.kind != "growth"] == []
    assert min(tally.counts[name] for name in ("jobs accepted", "jobs canceled", "jobs deleted")) > 0
    assert tally.counts["kills of the lasting server's worker"] > 0
    assert len(samples) > 10
