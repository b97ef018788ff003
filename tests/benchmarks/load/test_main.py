"""`python -m benchmarks.load` against a server on loopback that answers at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.load.__main__ import ApiName, Wanted, _measure, app
from benchmarks.load.measuring import Load
from benchmarks.workload import DEFAULT_MIX
from tests.benchmarks.fakes import Answer, FakeServer, png, serving

AN_HOUR_S = 3600.0
WANTED = Wanted(
    Load(rate=200.0, duration_s=60.0, max_jobs=10, seed=1),
    saturate=0,
    sweep=0,
    low=50.0,
    high=100.0,
    solo_s=dict.fromkeys(DEFAULT_MIX.kinds, AN_HOUR_S),
)


async def an_image(body: dict[str, Any]) -> Answer:
    return 200, png((body["width"], body["height"]))


async def printed(wanted: Wanted, capsys: pytest.CaptureFixture[str]) -> str:
    async with serving(FakeServer(an_image)) as url:
        await _measure(url, ApiName.PLAIN, wanted, timeout_s=120.0)
    return capsys.readouterr().out


@pytest.mark.integration
async def test_one_rate_is_summarised(capsys: pytest.CaptureFixture[str]) -> None:
    text = await printed(WANTED, capsys)
    assert "10 jobs, 0 failed" in text
    assert "in time: 100.0%" in text


@pytest.mark.integration
async def test_saturation_is_summarised(capsys: pytest.CaptureFixture[str]) -> None:
    assert "6 jobs, 0 failed" in await printed(dataclasses.replace(WANTED, saturate=6), capsys)


@pytest.mark.integration
async def test_a_sweep_ends_with_the_goodput(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await printed(dataclasses.replace(WANTED, sweep=2), capsys)).splitlines()
    assert lines[-1].startswith("goodput: 84.09 jobs/s")
    assert len(lines) == 3


def test_a_sweep_needs_solo_times(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["http://127.0.0.1:1", "--sweep", "2"])
    assert result.exit_code == 2
    assert "a sweep needs --solo" in result.output
