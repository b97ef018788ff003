"""The lock files of the image hold all that it needs, in the versions of constraints.txt and with hashes."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.lock import LOCKS, Lock, Locked, LockError, parse, render, requirements, split
from scripts.offline_wheels import parse_list
from tests.harness.paths import ROOT

A, B = Locked("1.0", ("sha256:" + "a" * 64,)), Locked("2.0", ("sha256:" + "b" * 64, "sha256:" + "c" * 64))


def lock(name: str) -> Lock:
    return parse((LOCKS / f"{name}.txt").read_text())


def test_what_is_written_is_read() -> None:
    assert parse(render({"a": A, "b": B})) == {"a": A, "b": B}


@pytest.mark.parametrize("line", ["a==1.0\n", "a==1.0 \\\n    --hash=md5:00\n", "--index-url https://example.com\n"])
def test_a_line_without_a_sha256_is_an_error(line: str) -> None:
    with pytest.raises(LockError, match="No package with hashes"):
        parse(line)


def test_torch_stands_apart_from_what_every_device_needs() -> None:
    found = split(
        {"cpu": {"torch": A, "x": A}, "cuda": {"torch": B, "cublas": A, "x": A}},
        {"cpu": {"torch": A}, "cuda": {"torch": B, "cublas": A}},
    )
    assert found == {"torch-cpu": {"torch": A}, "torch-cuda": {"torch": B, "cublas": A}, "darkroom": {"x": A}}


def test_a_rest_that_differs_by_device_is_an_error() -> None:
    with pytest.raises(LockError, match="different packages"):
        split({"cpu": {"x": A}, "cuda": {"x": B}}, {"cpu": {}, "cuda": {}})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_an_image_has_all_that_it_needs_in_the_versions_that_the_tests_run_with(device: str) -> None:
    pins = parse_list((ROOT / "constraints.txt").read_text().splitlines())
    locked = {**lock(f"torch-{device}"), **lock("darkroom")}
    for requirement in map(Requirement, requirements()):
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)].version, prereleases=True)
    assert "psycopg-binary" in locked
    for name, found in locked.items():
        assert found.version.partition("+")[0] == pins.get(name, found.version), f"{name}: run `make lock`"


def test_nothing_is_in_two_layers() -> None:
    for device in ("cpu", "cuda"):
        assert not set(lock(f"torch-{device}")) & set(lock("darkroom"))
    assert not any(name.startswith("nvidia-") for name in lock("torch-cpu"))
