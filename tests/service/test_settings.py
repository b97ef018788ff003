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
