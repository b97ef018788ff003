"""The code of an earlier commit, and an environment for it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from benchmarks.store.servers import versions
from tests.harness.paths import ROOT


def test_a_pin_that_changed_and_is_not_installed_is_needed() -> None:
    installed = f"msgspec=={version('msgspec')}"

    assert versions.changed_pins(f"# words\n{installed}\nmsgspec-old==0.1\nsame==1\n", "same==1\n") == [
        "msgspec-old==0.1"
    ]


def test_a_local_version_counts_as_the_public_one() -> None:
    public = version("torch").partition("+")[0]

    assert versions.changed_pins(f"torch=={public}", "") == []


@pytest.mark.integration
def test_a_commit_is_written_with_the_present_benchmark(tmp_path: Path) -> None:
    exported = versions.export("HEAD", tmp_path / "code")

    assert (exported.root / "service" / "settings.py").exists()
    assert (exported.root / "benchmarks/store/servers/versions.py").read_bytes() == (
        ROOT / "benchmarks/store/servers/versions.py"
    ).read_bytes()
    found = subprocess.run(
        [exported.python, "-c", "import service, darkroom; print(service.__file__, darkroom.__file__)"],
        cwd=tmp_path,
        env=exported.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.split() == [
        str(exported.root / "service" / "__init__.py"),
        str(exported.root / "client" / "darkroom" / "__init__.py"),
    ]


def test_this_tree_runs_in_the_environment_that_runs_this() -> None:
    assert versions.this_tree().root == ROOT
    assert versions.this_tree().python == Path(sys.executable)


@pytest.mark.integration
def test_a_package_of_the_commit_goes_before_those_of_the_running_environment(tmp_path: Path) -> None:
    wheel = tmp_path / "msgspec-0.0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("msgspec.py", "")
        file.writestr("msgspec-0.0.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: msgspec\nVersion: 0.0.1\n")
        file.writestr("msgspec-0.0.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("msgspec-0.0.1.dist-info/RECORD", "")

    python = versions.make_environment(tmp_path / "environment", [str(wheel)])

    asked = "from importlib.metadata import version; import typer; print(version('msgspec'), version('typer'))"
    found = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert found.stdout.split() == ["0.0.1", version("typer")]
