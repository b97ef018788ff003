"""What the environment and the flags may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.environment import SettingsError, is_loopback, load_settings


def test_variables_are_read_by_name_and_flags_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PORT", "9000")
    monkeypatch.setenv("DARKROOM_HOST", "0.0.0.0")
    monkeypatch.setenv("DARKROOM_DATA_DIR", "~/images")
    settings = load_settings({"port": 9001, "host": None})
    assert (settings.host, settings.port) == ("0.0.0.0", 9001)
    assert settings.data_dir == Path.home() / "images"


@pytest.mark.parametrize("value", ["0", "none"])
def test_the_admin_listener_can_be_disabled(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DARKROOM_ADMIN_PORT", value)
    assert load_settings().admin_port is None


def test_an_unknown_variable_is_an_error_that_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PROT", "9000")
    with pytest.raises(SettingsError, match=r"DARKROOM_PROT .* did you mean DARKROOM_PORT\?"):
        load_settings()


def test_the_sdks_variables_may_stand_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BASE_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("DARKROOM_API_KEY", "a secret")
    assert load_settings().port == 8000


LINKS = {
    "DARKROOM_SERVICE_HOST": "10.0.0.1",
    "DARKROOM_SERVICE_PORT": "8000",
    "DARKROOM_SERVICE_PORT_HTTP": "8000",
    "DARKROOM_SERVICE_PORT_HTTP_ADMIN": "8001",
    "DARKROOM_PORT": "tcp://10.0.0.1:8000",
    "DARKROOM_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "DARKROOM_PORT_8000_TCP_PROTO": "tcp",
    "DARKROOM_PORT_8000_TCP_PORT": "8000",
    "DARKROOM_PORT_8000_TCP_ADDR": "10.0.0.1",
    "DARKROOM_ADMIN_SERVICE_HOST": "fd00::1",
    "DARKROOM_ADMIN_PORT": "tcp://[fd00::1]:8001",
    "DARKROOM_ADMIN_PORT_8001_TCP_ADDR": "fd00::1",
    "DARKROOM_FOO_SERVICE_HOST": "10.0.0.2",
    "DARKROOM_FOO_PORT": "udp://10.0.0.2:53",
    "DARKROOM_FOO_PORT_53_UDP_PROTO": "udp",
    "DARKROOM_FOO_PORT_132_SCTP": "sctp://10.0.0.2:132",
    "DARKROOM_DATA_DIR_PORT": "tcp://10.0.0.3:80",
    "DARKROOM_BASE_URL_SERVICE_PORT": "80",
    "DARKROOM_NAME": "/web/darkroom",
    "DARKROOM_PORT_8000_TCP_START": "tcp://172.17.0.2:8000",
    "DARKROOM_PORT_8000_TCP_PORT_END": "8004",
    "DARKROOM_ENV_PYTHON_VERSION": "3.12.1",
    "DARKROOM_ENV_DARKROOM_PORT": "9000",
}
"""What Kubernetes and Docker write for services called darkroom, darkroom-admin, darkroom-foo and so on."""


def test_variables_of_kubernetes_services_and_docker_links_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == before
    assert load_settings({"port": 9001}).port == 9001


@pytest.mark.parametrize("name", sorted(LINKS.keys() - {"DARKROOM_PORT", "DARKROOM_ADMIN_PORT"}))
def test_their_names_with_other_values_are_unknown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "what nobody writes")
    with pytest.raises(SettingsError, match=f"{name} is not a setting"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DARKROOM_PROT", "tcp://10.0.0.1:8000"),
        ("DARKROOM_FOO_PORT", "9000"),
        ("DARKROOM_FOO_PORT", "http://10.0.0.1:8000"),
        ("DARKROOM_FOO_PORT", "tcp://10.0.0.1:99999"),
        ("darkroom_foo_port", "tcp://10.0.0.1:8000"),
        ("DARKROOM_ENV_FILE", "/etc/darkroom"),
        ("DARKROOM_PORT_HTTP_TCP", "tcp://10.0.0.1:8000"),
    ],
)
def test_what_only_resembles_them_is_unknown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is not a setting"):
        load_settings()


@pytest.mark.parametrize("value", ["tcp://darkroom:8000", "http://10.0.0.1:8000", "tcp://10.0.0.1", "eight"])
def test_a_port_that_nobody_but_us_can_have_written_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DARKROOM_PORT", value)
    with pytest.raises(SettingsError, match="DARKROOM_PORT: "):
        load_settings()


def test_a_value_out_of_range_is_blamed_on_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="--port"):
        load_settings({"port": 70000})
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "1")
    with pytest.raises(SettingsError, match="DARKROOM_MAX_ROWS"):
        load_settings()


def test_the_cache_is_where_the_platform_keeps_caches_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert load_settings().cache_dir == Path("/caches/darkroom")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert load_settings().cache_dir == Path.home() / ".cache" / "darkroom"
    monkeypatch.setenv("DARKROOM_CACHE_DIR", "~/elsewhere")
    assert load_settings().cache_dir == Path.home() / "elsewhere"
    monkeypatch.setenv("DARKROOM_CACHE_DIR", "none")
    assert load_settings().cache_dir is None


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("example", False)],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, local: bool) -> None:
    assert is_loopback(host) is local
