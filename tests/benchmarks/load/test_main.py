"""`python -m benchmarks.load` against a server on loopback that responds at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from benchmarks.load.__main__ import ApiName, Options, _measure, app
from benchmarks.load.scenarios import Load
from benchmarks.workload import DEFAULT_MIX
from tests.benchmarks.fakes import FakeServer, Response, png, serving

AN_HOUR_S = 3600.0
OPTIONS = Options(
    Load(rate=200.0, duration_s=60.0, max_requests=10, seed=1),
    saturate=0,
    sweep=0,
    low=50.0,
    high=100.0,
    solo_s=dict.fromkeys(DEFAULT_MIX.classes, AN_HOUR_S),
)


async def respond_with_image(body: dict[str, Any]) -> Response:
    return 200, png((body["width"], body["height"]))


async def printed(options: Options, capsys: pytest.CaptureFixture[str]) -> str:
    async with serving(FakeServer(respond_with_image)) as url:
        await _measure(url, ApiName.PLAIN, options, timeout_s=120.0)
    return capsys.readouterr().out


@pytest.mark.integration
async def test_one_rate_is_summarized(capsys: pytest.CaptureFixture[str]) -> None:
    text = await printed(OPTIONS, capsys)
    assert "10 requests, 0 failed" in text
    assert "met their objective: 100.0%" in text


@pytest.mark.integration
async def test_saturation_is_summarized(capsys: pytest.CaptureFixture[str]) -> None:
    assert "6 requests, 0 failed" in await printed(dataclasses.replace(OPTIONS, saturate=6), capsys)


@pytest.mark.integration
async def test_a_sweep_ends_with_the_goodput(capsys: pytest.CaptureFixture[str]) -> None:
    lines = (await printed(dataclasses.replace(OPTIONS, sweep=2), capsys)).splitlines()
    assert lines[-1].startswith("goodput: 84.09 requests/s")
    assert len(lines) == 3


def test_a_sweep_needs_solo_times(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["http://127.0.0.1:1", "--sweep", "2"])
    assert result.exit_code == 2
    assert "--sweep needs --solo" in result.output
