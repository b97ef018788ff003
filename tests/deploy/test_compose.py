"""The compose file keeps its promises. The compose schema, in `make check`, holds its form."""

from __future__ import annotations

import re

import pytest

from service.engine.frontend.supervisor import IDLE_EXIT_S
from service.jobs.execution.runner import LAST_WRITES_S
from service.jobs.store.access.writers import CLOSE_S
from service.server.listeners import LAST_ANSWERS_S
from service.settings import Settings, variable
from tests.deploy.files import DEPLOY, SERVERS, compose, services

FRONT = "caddy"
"""The one service that other machines reach."""
ALL = sorted(services())
WRITABLE = {"open-webui"}
"""Services whose own programs write beside their code."""


@pytest.mark.parametrize("name", ALL)
def test_only_the_front_is_published_beyond_this_machine(name: str) -> None:
    ports = services()[name].get("ports", [])
    assert "network_mode" not in services()[name]
    if name == FRONT:
        assert ports == ["80:80", "443:443", "443:443/udp"]
    else:
        assert all(port.startswith("127.0.0.1:") for port in ports), ports


@pytest.mark.parametrize("name", ALL)
def test_a_container_has_no_privileges_and_a_root_that_it_cannot_write(name: str) -> None:
    table = services()[name]
    assert "privileged" not in table
    assert table["cap_drop"] == ["ALL"]
    assert table.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == FRONT else [])
    assert table["security_opt"] == ["no-new-privileges:true"]
    assert table["read_only"] is (name not in WRITABLE)


@pytest.mark.parametrize("name", ALL)
def test_a_container_is_bounded_in_memory_processes_and_log(name: str) -> None:
    table = services()[name]
    assert table["mem_limit"]
    assert 0 < table["pids_limit"] <= 512
    assert table["logging"]["options"]["mode"] == "non-blocking"
    assert table["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", ALL)
def test_every_service_has_a_health_check_or_that_of_its_image(name: str) -> None:
    assert "healthcheck" in services()[name] or name == "open-webui"


@pytest.mark.parametrize("name", ALL)
def test_a_service_starts_only_with_its_profile(name: str) -> None:
    profile = {"caddy": "tls", "prometheus": "observability", "grafana": "observability"}.get(name, name)
    assert services()[name]["profiles"] == [profile]


@pytest.mark.parametrize("name", sorted({*ALL} - {*SERVERS}))
def test_images_of_others_are_pinned_by_digest(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:[a-z0-9.-]+@sha256:[0-9a-f]{64}", services()[name]["image"])


@pytest.mark.parametrize("name", SERVERS)
def test_the_server_writes_its_data_and_reads_the_models(name: str) -> None:
    assert services()[name]["volumes"] == ["data:/data", "./models:/models:ro"]


@pytest.mark.parametrize("name", SERVERS)
def test_the_server_is_found_under_one_name_on_both_networks(name: str) -> None:
    assert services()[name]["networks"] == {"front": {"aliases": ["darkroom"]}, "inner": {"aliases": ["darkroom"]}}


def test_the_database_and_the_metrics_are_on_a_network_without_a_way_out() -> None:
    assert compose()["networks"]["inner"] == {"internal": True}
    assert {name for name in ALL if services()[name]["networks"] == ["inner"]} == {"db", "prometheus"}


def test_the_server_reaches_the_world_only_where_that_is_asked_for() -> None:
    options = compose()["networks"]["front"]["driver_opts"]
    assert options == {"com.docker.network.bridge.enable_ip_masquerade": "${EGRESS:-false}"}
    (network,) = compose()["networks"]["front"]["ipam"]["config"]
    assert network["subnet"] == services()["cpu"]["environment"]["DARKROOM_TRUSTED_PROXIES"]
    assert {name for name in ALL if "public" in services()[name]["networks"]} == {"caddy", "open-webui"}


@pytest.mark.parametrize("name", SERVERS)
def test_nobody_is_let_in_without_the_key(name: str) -> None:
    assert services()[name]["environment"]["DARKROOM_API_KEY_FILE"] == "/run/secrets/api_key"
    assert "api_key" in services()[name]["secrets"]


def test_secrets_are_files_without_which_nothing_starts() -> None:
    for name, secret in compose()["secrets"].items():
        assert secret == {
            "file": f'${{SECRETS:?run "sh deploy/setup.sh" first; it makes the secrets and deploy/.env}}/{name}'
        }
    given = " ".join(f"{table.get('environment')}" for table in services().values())
    assert not re.search(r"(PASSWORD|KEY|SECRET|TOKEN)'?: '(?!/run/secrets/)", given)


@pytest.mark.parametrize("name", SERVERS)
def test_what_compose_sets_are_settings_of_the_server(name: str) -> None:
    given = services()[name]["environment"]
    assert set(given) <= {variable(setting) for setting in Settings.model_fields}
    assert services()[name]["env_file"] == [{"path": ".env", "required": False}]


@pytest.mark.parametrize("name", SERVERS)
def test_the_server_waits_for_the_database_where_there_is_one(name: str) -> None:
    assert services()[name]["depends_on"]["db"] == {"condition": "service_healthy", "required": False}


def test_the_front_waits_for_whichever_server_there_is() -> None:
    waited_for = services()[FRONT]["depends_on"]
    assert waited_for == {name: {"condition": "service_healthy", "required": False} for name in SERVERS}


def test_a_gpu_is_reserved_by_driver_or_by_the_container_device_interface() -> None:
    (device,) = services()["gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert services()["gpu-cdi"]["devices"] == ["nvidia.com/gpu=all"]
    assert {name: services()[name]["build"]["target"] for name in SERVERS} == {
        "cpu": "cpu",
        "gpu": "cuda",
        "gpu-cdi": "cuda",
    }


@pytest.mark.parametrize("name", SERVERS)
def test_the_container_is_not_killed_while_the_server_stops(name: str) -> None:
    given = services()[name]["stop_grace_period"]
    assert given.endswith("s")
    exit_s = Settings().drain_timeout_s + IDLE_EXIT_S + LAST_ANSWERS_S + LAST_WRITES_S + CLOSE_S
    assert float(given.removesuffix("s")) > exit_s


def test_caddy_passes_on_nothing_of_a_caller_that_the_server_believes_from_a_proxy() -> None:
    lines = [line.strip() for line in (DEPLOY / "caddy" / "Caddyfile").read_text().splitlines()]
    assert {"header_up -X-Forwarded-Prefix", "header_up -Forwarded"}.issubset(lines)
