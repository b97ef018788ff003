"""The Dockerfile keeps its promises. hadolint, in `make check`, holds its form."""

from __future__ import annotations

import json
import re

import pytest

from scripts.lock import LOCKS, PYTHON
from service.settings import Settings, variable
from tests.deploy.files import SERVERS, instructions, services


def environment() -> dict[str, str]:
    return dict(re.findall(r"(\w+)=(\S+)", " ".join(instructions("ENV"))))


def test_the_base_is_of_the_locked_python_and_pinned_by_digest() -> None:
    (given,) = [each for each in instructions("ARG") if each.startswith("PYTHON_IMAGE=")]
    assert re.fullmatch(rf"PYTHON_IMAGE=\S+/python:{re.escape(PYTHON)}\.\d+-[a-z-]+@sha256:[0-9a-f]{{64}}", given)
    own_stages = {line.split(" AS ")[1] for line in instructions("FROM")}
    assert {line.split(" AS ")[0] for line in instructions("FROM")} <= {"${PYTHON_IMAGE}", *own_stages}


def test_every_package_is_a_wheel_that_is_checked_against_a_lock() -> None:
    installs = [line for line in instructions("RUN") if "pip install" in line]
    locked = [line for line in installs if "--requirement" in line]
    for line in locked:
        assert "--require-hashes --only-binary=:all: --no-deps" in line
    assert sorted(line.split("--requirement ")[1].strip() for line in locked) == sorted(
        path.name for path in LOCKS.glob("*.txt")
    )
    (own,) = [line for line in installs if line not in locked]
    assert "--no-index --no-deps --no-build-isolation" in own


def test_packages_and_source_are_layers_of_their_own_and_the_source_comes_last() -> None:
    copied = [line for line in instructions("COPY") if line.startswith("--from")]
    for device in ("cuda", "cpu"):
        own, copied = copied[:3], copied[3:]
        assert [line.split("/opt/")[-1] for line in own] == ["torch", "packages", "application"]
        assert own[0].startswith(f"--from=torch-{device} ")
    assert not copied


def test_the_image_runs_as_a_user_who_is_not_root() -> None:
    assert instructions("USER") == ["10001:10001", "0", "10001:10001"]


def test_any_subcommand_can_be_run_and_serving_is_the_default() -> None:
    assert [json.loads(line) for line in instructions("ENTRYPOINT")] == [["darkroom"]]
    assert [json.loads(line) for line in instructions("CMD")] == [["serve"]]


def test_settings_are_variables_so_that_those_of_the_container_go_before_them() -> None:
    ours = {name for name in environment() if name.startswith("DARKROOM_")}
    assert {"DARKROOM_HOST", "DARKROOM_PORT", "DARKROOM_DATA_DIR"} <= ours
    assert ours <= {variable(name) for name in Settings.model_fields}


def test_all_that_is_written_goes_to_the_volume() -> None:
    written = [environment()[name] for name in ("HOME", "HF_HOME", "DARKROOM_DATA_DIR", "DARKROOM_CACHE_DIR")]
    assert all(path == "/data" or path.startswith("/data/") for path in written)
    assert instructions("VOLUME") == ['["/data"]']


@pytest.mark.parametrize("name", SERVERS)
def test_compose_and_the_image_have_the_same_health_check(name: str) -> None:
    (healthcheck,) = instructions("HEALTHCHECK")
    options, asked = healthcheck.split("CMD", 1)
    given = services()[name]["healthcheck"]
    assert given["test"] == ["CMD", *json.loads(asked)]
    for option in ("interval", "timeout", "retries"):
        assert f"--{option}={given[option]}" in options
    assert f"--start-period={given['start_period']}" in options


def test_the_image_tells_what_it_is() -> None:
    labels = " ".join(instructions("LABEL"))
    for name in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
