"""The container files keep their promises. hadolint and the compose schema check their form."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from service.engine.frontend.supervisor import IDLE_EXIT_S
from service.jobs.execution.runner import LAST_WRITES_S
from service.jobs.store.access.writers import CLOSE_S
from service.server.listeners import LAST_ANSWERS_S
from service.settings import Settings
from tests.harness.paths import ROOT

DEPLOY = ROOT / "deploy"
PROFILES = ["cpu", "gpu"]


def service(profile: str) -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][profile]
    return table


def instructions(name: str) -> list[str]:
    """Returns the arguments of every instruction of that name in the Dockerfile, with continuation lines joined."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    return [line.split(maxsplit=1)[1] for line in map(str.strip, lines) if line.startswith(f"{name} ")]


@pytest.mark.parametrize("profile", PROFILES)
def test_only_this_machine_reaches_the_server(profile: str) -> None:
    assert service(profile)["ports"] == ["127.0.0.1:8000:8000"]
    assert "network_mode" not in service(profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_container_has_no_privileges_and_writes_only_its_data(profile: str) -> None:
    table = service(profile)
    assert "privileged" not in table
    assert table["cap_drop"] == ["ALL"]
    assert "cap_add" not in table
    assert table["security_opt"] == ["no-new-privileges:true"]
    assert table["read_only"] is True
    assert table["volumes"] == ["data:/data"]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_starts_only_its_own_service(profile: str) -> None:
    assert service(profile)["profiles"] == [profile]


def test_the_gpu_profile_asks_for_an_nvidia_device_and_the_cuda_build() -> None:
    table = service("gpu")
    (device,) = table["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert table["build"]["args"]["TORCH_INDEX"] == ""
    assert "args" not in service("cpu")["build"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_container_is_not_killed_while_the_server_stops(profile: str) -> None:
    given = service(profile)["stop_grace_period"]
    assert given.endswith("s")
    exit_s = Settings().drain_timeout_s + IDLE_EXIT_S + LAST_ANSWERS_S + LAST_WRITES_S + CLOSE_S
    assert float(given.removesuffix("s")) > exit_s


def test_the_image_runs_the_server_as_a_user_who_is_not_root() -> None:
    assert instructions("USER") == ["10001:10001"]
    (entry,) = instructions("ENTRYPOINT")
    assert json.loads(entry)[:2] == ["darkroom", "serve"]


@pytest.mark.parametrize("profile", PROFILES)
def test_compose_and_the_image_have_the_same_health_check(profile: str) -> None:
    (healthcheck,) = instructions("HEALTHCHECK")
    asked = json.loads(healthcheck.split("CMD", 1)[1])
    assert service(profile)["healthcheck"]["test"][1:] == asked
    assert "/readyz" in asked[-1]
