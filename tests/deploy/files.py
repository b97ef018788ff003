"""Reads the files of deploy/ for their tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import yaml

from tests.harness.paths import ROOT

DEPLOY: Final = ROOT / "deploy"
SERVERS: Final = ("cpu", "gpu", "gpu-cdi")
"""The services that are Darkroom's server."""


def compose() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return table


def services() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = compose()["services"]
    return table


def instructions(name: str, path: Path = DEPLOY / "Dockerfile") -> list[str]:
    """Returns the arguments of every instruction of that name in a Dockerfile, with continuation lines joined."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    lines = text.replace("\\\n", " ").splitlines()
    return [line.split(maxsplit=1)[1] for line in map(str.strip, lines) if line.startswith(f"{name} ")]


def panels() -> list[dict[str, Any]]:
    """The panels of Grafana's dashboard that show something."""
    dashboard = json.loads((DEPLOY / "grafana" / "dashboards" / "darkroom.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]
