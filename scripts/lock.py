"""Writes the lock files of the container image, `deploy/locks/`: `python -m scripts.lock`, or `make lock`.

    --torch-cpu FOLDER-OR-URL   where torch's wheels for the CPU are: a folder of wheels, or a package index

Each file lists packages with the SHA-256 of every wheel that may be installed, so that pip refuses a wheel that was
changed. Versions come from constraints.txt, and what torch alone needs is of the version that torch names.

`torch-cpu.txt` and `torch-cuda.txt` hold torch and whatever it needs, for one kind of device each. `darkroom.txt` holds
the rest, which is the same for both, and `build.txt` what the two distributions are built with.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = ROOT / "deploy" / "locks"
PYTHON: Final = "3.11"
"""The image's Python. Torch's wheels are of one version of Python each."""
PLATFORM: Final = "x86_64-manylinux_2_28"
TORCH_CPU: Final = "https://download.pytorch.org/whl/cpu"

_HEADER: Final = "# Written by `make lock` for Python {python} on {platform}. Do not edit.\n"
_ENTRY: Final = re.compile(r"^([a-z0-9.-]+)==(\S+) \\\n((?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
_HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")


class LockError(Exception):
    """The lock cannot be made. The message says what to do."""


class Locked(NamedTuple):
    version: str
    hashes: tuple[str, ...]
    """`sha256:...` of each file of this version that may be installed."""


Lock: TypeAlias = dict[str, Locked]
"""The locked packages, by canonical name."""


def parse(text: str) -> Lock:
    """Read a lock file. Raises `LockError` for a line that is no comment and belongs to no package with hashes."""
    rest = _ENTRY.sub("", text)
    strange = [line for line in rest.splitlines() if line.strip() and not line.startswith("#")]
    if strange:
        raise LockError(f"No package with hashes: {strange[0]!r}")
    return {name: Locked(version, tuple(_HASH.findall(hashes))) for name, version, hashes in _ENTRY.findall(text)}


def render(lock: Lock) -> str:
    """Write a lock file, in order of names and hashes."""
    entries = [
        f"{name}=={locked.version} \\\n" + " \\\n".join(f"    --hash={each}" for each in sorted(locked.hashes)) + "\n"
        for name, locked in sorted(lock.items())
    ]
    return _HEADER.format(python=PYTHON, platform=PLATFORM) + "".join(entries)


def split(whole: Mapping[str, Lock], torch: Mapping[str, Lock]) -> dict[str, Lock]:
    """Return the lock files by name. Both mappings are by device; `torch` holds what torch needs, `whole` everything.

    Raises `LockError` where the rest is not the same for each device.
    """
    rests = [{name: each for name, each in whole[device].items() if name not in torch[device]} for device in whole]
    if any(rest != rests[0] for rest in rests):
        raise LockError("Apart from torch, the devices need different packages: mend constraints.txt.")
    return {**{f"torch-{device}": dict(torch[device]) for device in torch}, "darkroom": rests[0]}


def requirements(root: Path = ROOT) -> list[str]:
    """Return what both distributions need, with PostgreSQL's driver and what traces take."""
    server, client = (
        tomllib.loads((root / path).read_text())["project"] for path in ("pyproject.toml", "client/pyproject.toml")
    )
    extras = [line for extra in ("postgres", "tracing") for line in server["optional-dependencies"][extra]]
    lines = [*server["dependencies"], *extras, *client["dependencies"]]
    return [line for line in lines if not line.startswith("darkroom-")]


def _compiled(wanted: Iterable[str], constraints: str, options: Sequence[str]) -> Lock:
    """Have uv choose the versions and collect the hashes of their wheels."""
    with tempfile.TemporaryDirectory() as folder:
        limits = Path(folder, "constraints.txt")
        limits.write_text(constraints)
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "-", "--quiet", "--constraint", str(limits)),
            *("--generate-hashes", "--only-binary", ":all:", "--python-version", PYTHON, "--python-platform", PLATFORM),
            *("--no-header", "--no-annotate", "--no-config", *options),
        ]
        done = subprocess.run(command, input="\n".join(wanted), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LockError(f"uv found no set of packages: {done.stderr.strip()}")
    return parse(done.stdout)


def locks(torch_cpu: str) -> dict[str, Lock]:
    """Return the lock files by name. `torch_cpu` is a folder of wheels or the address of a package index."""
    constraints = (ROOT / "constraints.txt").read_text()
    version = re.findall(r"^torch==(.+)$", constraints, re.MULTILINE)[0]
    found_in = ["--extra-index-url", torch_cpu] if "://" in torch_cpu else ["--find-links", torch_cpu]
    limits = {"cpu": constraints.replace(f"torch=={version}", f"torch=={version}+cpu"), "cuda": constraints}
    options = {"cpu": [*found_in, "--index-strategy", "unsafe-best-match"], "cuda": []}
    whole = {each: _compiled(requirements(), limits[each], options[each]) for each in limits}
    torch = {each: _compiled(["torch"], limits[each], options[each]) for each in limits}
    return {**split(whole, torch), "build": _compiled(["setuptools>=77"], constraints, [])}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch-cpu", default=TORCH_CPU)
    chosen = parser.parse_args(arguments)
    LOCKS.mkdir(exist_ok=True)
    for name, lock in locks(chosen.torch_cpu).items():
        (LOCKS / f"{name}.txt").write_text(render(lock))


if __name__ == "__main__":
    main(sys.argv[1:])
