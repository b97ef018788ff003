"""For a machine without network, all that is needed and not there is collected, in the tested versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from scripts import offline_wheels
from scripts.offline_wheels import installed_requirements, missing, parse_list, pins, read_there, roots

INDEX: Mapping[str, tuple[str, ...]] = {
    "server": ("torch>=2.9", "models>=5,<6", "web[fast]"),
    "models": ("hub>=1.3", "numpy"),
    "hub": ("http",),
    "web": ("typing_extensions", "fast-loop; extra == 'fast'", "colors; sys_platform == 'win32'"),
    "torch": ("numpy", "cuda"),
}


def needed(there: Mapping[str, str]) -> set[str]:
    def requires(package: Requirement) -> Iterable[Requirement]:
        found = [Requirement(line) for line in INDEX.get(package.name, ())]
        extras = [{"extra": extra, "sys_platform": "linux"} for extra in ("", *package.extras)]
        return [each for each in found if each.marker is None or any(map(each.marker.evaluate, extras))]

    return missing([Requirement("server")], requires, there)


def test_what_is_there_is_left_out_with_what_only_it_needs() -> None:
    assert needed({"server": "", "torch": ""}) == set()
    assert needed({"torch": ""}) == {
        "server",
        "models",
        "hub",
        "http",
        "numpy",
        "web",
        "typing-extensions",
        "fast-loop",
    }
    assert needed({"torch": "2.11.0", "models": "5.2"}) == {"server", "web", "typing-extensions", "fast-loop"}


def test_a_version_that_is_too_old_is_not_there() -> None:
    assert "models" in needed({"torch": "", "models": "4.9"})
    assert {"torch", "cuda"} <= needed({"torch": "2.8"})


def test_lists_are_read_as_pip_writes_them(tmp_path: Path) -> None:
    frozen = ["Torch==2.11.0", "huggingface_hub==1.33.0", "# a comment", "-e .", "wheel @ file:///tmp/wheel.whl", ""]
    (tmp_path / "packages.txt").write_text("\n".join(frozen))

    assert parse_list(frozen) == {"torch": "2.11.0", "huggingface-hub": "1.33.0", "wheel": ""}
    assert read_there([str(tmp_path / "packages.txt"), "numpy, scipy==1.18"]) == {
        **parse_list(frozen),
        "numpy": "",
        "scipy": "1.18",
    }


def test_versions_are_those_of_the_constraints() -> None:
    assert pins(["b", "a"], {"a": "1.0", "b": "2.0"}) == ["a==1.0", "b==2.0"]
    with pytest.raises(ValueError, match="no version of c"):
        pins(["c"], {})


def test_everything_that_darkroom_needs_has_a_version_and_torch_brings_its_own_needs() -> None:
    constraints = parse_list((offline_wheels.ROOT / "constraints.txt").read_text().splitlines())

    names = missing(roots(), installed_requirements("3.12"), {"torch": ""})

    assert len(pins(names, constraints)) == len(names)
    assert {"diffusers", "transformers", "numpy", "fastapi", "pytest"} <= names
    assert not names & {"torch", "sympy", "darkroom-client", "darkroom-server"}


def test_only_wheels_for_the_other_machine_are_downloaded() -> None:
    command = offline_wheels.download_command(Path("wheels"), "3.12", ["setuptools==84"])

    assert "--only-binary=:all:" in command
    assert command[command.index("--python-version") + 1] == "3.12"
    assert "manylinux_2_17_x86_64" in command
    assert command[-1] == "setuptools==84"
