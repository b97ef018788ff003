"""The environment and the command line are read into settings, and nonsense is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.environment import Origin, SettingsError, is_loopback, load_settings, read_settings
from service.server.main import engine_config
from tests.service.links import LINKS


def test_variables_are_read_and_the_command_line_goes_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PORT", "9000")
    monkeypatch.setenv("DARKROOM_HOST", "0.0.0.0")
    monkeypatch.setenv("DARKROOM_DATA_DIR", "~/images")
    settings = load_settings({"port": "9001", "host": None})
    assert (settings.host, settings.port) == ("0.0.0.0", 9001)
    assert settings.data_dir == Path.home() / "images"


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PORT", "")
    assert load_settings().port == 8000


def test_an_unknown_variable_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PROT", "9000")
    with pytest.raises(SettingsError, match=r"DARKROOM_PROT .* did you mean DARKROOM_PORT\?"):
        load_settings()


@pytest.mark.parametrize("name", ["DARKROOM_ZZZZZZ", "darkroom_zzzzzz"])
def test_an_unknown_variable_that_is_near_nothing_is_refused_without_a_guess(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=rf"^{name} is not a setting of Darkroom$"):
        load_settings()


def test_flags_go_before_variables_those_before_the_file_and_that_before_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("port = 9000\nadmin_port = 9001\nmax_rows = 4\n[shares]\nshop = 3\n")
    monkeypatch.setenv("DARKROOM_CONFIG", str(path))
    monkeypatch.setenv("darkroom_admin_port", "9002")
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "6")
    in_force = read_settings({"max_rows": "8", "threads": None})
    names = ("port", "admin_port", "max_rows", "threads", "shares")
    settings = in_force.settings

    assert [getattr(settings, name) for name in names] == [9000, 9002, 8, None, "shop=3"]
    assert [in_force.origins[name] for name in names] == [
        Origin.FILE,
        Origin.ENVIRONMENT,
        Origin.COMMAND_LINE,
        Origin.DEFAULT,
        Origin.FILE,
    ]
    assert settings.config == path
    assert engine_config(settings).worker.shares == {"shop": 3.0}, "a worker reads no file"


def test_the_file_of_the_folder_is_read_unless_another_one_or_none_was_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DARKROOM_CONFIG")
    monkeypatch.chdir(tmp_path)
    assert (load_settings().config, load_settings().port) == (None, 8000)
    Path("darkroom.toml").write_text("port = 9000")
    Path("other.toml").write_text("port = 9001")
    assert (load_settings().config, load_settings().port) == (Path("darkroom.toml"), 9000)
    assert load_settings({"config": "other.toml"}).port == 9001
    assert load_settings({"config": "none"}).port == 8000
    monkeypatch.setenv("DARKROOM_CONFIG", "other.toml")
    assert load_settings().port == 9001


def test_a_variable_that_a_service_has_overwritten_does_not_go_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "x.toml").write_text("port = 9000")
    monkeypatch.setenv("DARKROOM_PORT", "tcp://10.0.0.1:8000")
    in_force = read_settings({"config": tmp_path / "x.toml"})
    assert (in_force.settings.port, in_force.origins["port"]) == (9000, Origin.FILE)


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("exact = 1")
    monkeypatch.setenv("DARKROOM_PROT", "1")
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "1")
    with pytest.raises(SettingsError) as raised:
        load_settings({"config": str(path), "port": "x"})
    places = [fault.partition(":")[0].partition(" is not")[0] for fault in raised.value.faults]
    assert sorted(places) == sorted(["DARKROOM_PROT", f"{path}, line 1", "--port", "DARKROOM_MAX_ROWS"])
    assert raised.value.in_command
    with pytest.raises(SettingsError) as raised:
        load_settings({"config": str(path)})
    assert not raised.value.in_command


def test_variables_of_the_sdk_may_stand_beside_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BASE_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("DARKROOM_API_KEY", "a secret")
    assert load_settings().port == 8000


def test_a_value_out_of_range_is_blamed_on_the_flag_or_the_variable_that_gave_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match=r"^--port: "):
        load_settings({"port": "70000"})
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "1")
    with pytest.raises(SettingsError, match=r"^DARKROOM_MAX_ROWS: "):
        load_settings()
    assert load_settings({"max_rows": "2"}).max_rows == 2


def test_the_settings_can_be_shown_without_the_passwords_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://me:cAnArY7@db/jobs")
    settings = load_settings()
    assert settings.database_url == "postgresql://me:cAnArY7@db/jobs"
    assert "cAnArY7" not in f"{settings} {settings!r}"


def test_a_refused_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "cAnArY7")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "cAnArY7" not in str(error.value)


def test_variables_of_kubernetes_services_and_docker_links_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == before
    assert load_settings({"port": 9001}).port == 9001


@pytest.mark.parametrize("name", sorted(LINKS.keys() - {"DARKROOM_PORT", "DARKROOM_ADMIN_PORT"}))
def test_their_names_with_other_values_are_unknown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "something else")
    with pytest.raises(SettingsError, match=f"{name} is not a setting"):
        load_settings()


@pytest.mark.parametrize("value", ["tcp://darkroom:8000", "http://10.0.0.1:8000", "tcp://10.0.0.1", "eight"])
def test_a_port_that_is_neither_a_number_nor_a_service_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DARKROOM_PORT", value)
    with pytest.raises(SettingsError, match="DARKROOM_PORT: "):
        load_settings()


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1, ::1", True),
        ("127.0.0.1,0.0.0.0", False),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("example", False),
    ],
)
def test_an_address_is_loopback_if_only_this_machine_reaches_it(host: str, local: bool) -> None:
    assert is_loopback(host) is local
