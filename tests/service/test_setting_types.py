"""How the values of settings are written: folders, ports and lists of devices that may be disabled."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from service.setting_types import Devices, OptionalFolder, OptionalPort, default_cache_dir


@pytest.mark.parametrize("value", ["0", "none", 0])
def test_a_port_and_a_folder_can_be_disabled(value: object) -> None:
    assert TypeAdapter(OptionalPort).validate_python(value) is None
    assert TypeAdapter(OptionalFolder).validate_python(value) is None


def test_a_folder_below_the_home_folder_is_spelled_out() -> None:
    assert TypeAdapter(OptionalFolder).validate_python("~/cache") == Path.home() / "cache"


@pytest.mark.parametrize("names", [None, "auto", "cpu", "cuda", "cuda:0,cuda:11", "cpu,cpu"])
def test_a_list_of_devices_is_kept_as_it_is_written(names: str | None) -> None:
    assert TypeAdapter(Devices).validate_python(names) == names


@pytest.mark.parametrize("names", ["", "auto,cpu", "cuda:", "cpu, cpu", "mps"])
def test_a_list_with_an_unknown_device_is_refused(names: str) -> None:
    with pytest.raises(ValidationError, match="must be auto, or names like cpu"):
        TypeAdapter(Devices).validate_python(names)


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache")
    assert default_cache_dir() == Path("/var/cache/darkroom")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_dir() == Path.home() / ".cache" / "darkroom"
