"""The report tells people and programs which settings are in force and what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli.checks.findings import Finding, State
from service.cli.checks.report import Report, of_faults
from service.environment import SettingsInForce, read_settings
from service.settings import Settings

FINDINGS = (Finding("database", State.OK, "x"), Finding("listener", State.NOTE, "in use"))


@pytest.fixture
def in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SettingsInForce:
    (tmp_path / "x.toml").write_text("\nmax_queued_s = 5\n")
    monkeypatch.setenv("DARKROOM_EXACT", "1")
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://me:cAnArY7@db/jobs?password=cAnArY7")
    return read_settings({"config": tmp_path / "x.toml", "port": "9000"})


def test_each_setting_is_shown_with_where_it_comes_from(in_force: SettingsInForce) -> None:
    report = Report(in_force, FINDINGS)
    lines = [line.split(maxsplit=1) for line in report.as_text().splitlines()]
    shown = {line[0]: " ".join(line[1].split()) for line in lines if len(line) == 2}

    assert shown["port"] == "9000 (command line)"
    assert shown["exact"] == "true (environment)"
    assert shown["threads"] == "none (default)"
    assert shown["max_queued_s"] == f"5 ({in_force.settings.config}, line 2)"
    assert shown["note"] == "listener in use"
    assert set(Settings.model_fields) <= set(shown)


def test_a_program_can_read_the_same(in_force: SettingsInForce) -> None:
    report = json.loads(Report(in_force, FINDINGS).as_json())

    assert report["ok"]
    assert report["settings"]["max_queued_s"] == {"value": 5.0, "origin": "file", "line": 2}
    assert report["settings"]["port"] == {"value": 9000, "origin": "command line", "line": None}
    assert set(report["settings"]) == set(Settings.model_fields)
    assert report["checks"][1] == {"what": "listener", "state": "note", "detail": "in use"}


def test_no_secret_is_shown(in_force: SettingsInForce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "cAnArY7")
    for report in (Report(in_force, FINDINGS), Report(read_settings(), FINDINGS)):
        assert "cAnArY7" not in report.as_text() + report.as_json()
    assert "postgresql://me:***@db/jobs" in Report(in_force, FINDINGS).as_text()


def test_one_failure_is_enough() -> None:
    assert not Report(None, [*FINDINGS, Finding("x", State.FAILED, "y")]).ok
    report = of_faults(["port: must be", "exact: must be"])
    assert not report.ok
    assert report.as_text() == (
        "What was checked\n  failed  settings  port: must be\n  failed  settings  exact: must be"
    )
    assert json.loads(report.as_json())["settings"] is None
