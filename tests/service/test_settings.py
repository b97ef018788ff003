"""Each setting is declared once, with a type, bounds, a default, and a text that helps to choose a value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.setting_groups.fields import Section
from service.settings import PREFIX, Settings, details, flag, variable

ALL = pytest.mark.parametrize("name", Settings.model_fields)


@ALL
def test_every_setting_has_a_sentence_a_section_and_a_word_for_its_value(name: str) -> None:
    field, about = Settings.model_fields[name], details(name)
    assert field.description is not None
    assert field.description.endswith(".")
    assert about["section"] in Section
    assert bool(about["metavar"]) is (field.annotation is not bool), "a switch has no value"


@ALL
def test_every_setting_has_a_variable_and_a_flag(name: str) -> None:
    assert variable(name) == f"{PREFIX}{name.upper()}"
    assert flag(name) == f"--{name.replace('_', '-')}"


@ALL
def test_the_default_that_is_shown_is_the_default(name: str) -> None:
    default, shown = Settings.model_fields[name].default, details(name)["shown"]
    if isinstance(default, bool):
        assert shown == str(default).lower()
    elif isinstance(default, int | float):
        assert float(shown) == default
    elif isinstance(default, str):
        assert shown == default


def test_settings_are_checked_and_cannot_be_changed() -> None:
    settings = Settings(port=9000)
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 9001  # type: ignore[misc]  # that it is refused is what is tested
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings.model_validate({"prot": 9000})


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("port", [-1, 65536, "x"]),
        ("threads", [0]),
        ("devices", ["", "cuda:", "auto,cpu", "cpu, cpu", "cpu,", "mps"]),
        ("max_rows", [1]),
        ("model_aliases", ["dall-e-3", "=bundled", "dall-e-3=", "a=b,a=c", "a\x07=b"]),
        ("cors_origins", ["*", "null", "chat.example", "https://chat.example/"]),
        ("max_queued_images", [0]),
        ("max_queued_s", [0, "inf", "nan"]),
        ("job_lease_s", [0.5]),
        ("encode_threads", [0, 65]),
        ("max_body_bytes", [1023]),
        ("drain_timeout_s", [-1, "inf"]),
        ("max_image_bytes", [-1]),
        ("shares", ["shop", "shop=0", "my shop=1", "shop=8000"]),
        ("default_max_jobs", [0]),
        ("default_device_s_per_minute", [0, "inf"]),
        ("dtype", ["float64"]),
        ("compile", ["yes"]),
        ("log_level", ["trace"]),
    ],
)
def test_values_out_of_bounds_are_refused(name: str, refused: list[object]) -> None:
    for value in refused:
        with pytest.raises(ValidationError):
            Settings.model_validate({name: value})


@pytest.mark.parametrize("value", ["0", "none", 0])
def test_zero_or_none_disables_the_admin_listener_and_the_cache(value: object) -> None:
    settings = Settings.model_validate({"admin_port": value, "cache_dir": value})
    assert (settings.admin_port, settings.cache_dir) == (None, None)


def test_folders_of_the_user_are_expanded() -> None:
    settings = Settings(data_dir=Path("~/data"), cache_dir=Path("~/cache"))
    assert (settings.data_dir, settings.cache_dir) == (Path.home() / "data", Path.home() / "cache")


def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DARKROOM_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert Settings().cache_dir == Path("/caches/darkroom")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert Settings().cache_dir == Path.home() / ".cache" / "darkroom"
