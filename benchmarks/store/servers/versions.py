"""The code that a server runs: this tree, or an earlier commit in a folder and, where it must be, an environment."""

from __future__ import annotations

import importlib.metadata
import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
_OURS: Final = Path(__file__).parents[1].relative_to(ROOT)
"""The benchmark's own package, which runs in every version."""
_PINS: Final = "constraints.txt"


@dataclass(frozen=True, slots=True)
class Version:
    """Code that can be served."""

    name: str
    root: Path
    """The folder that holds `service`, `pipelines` and `client`."""
    python: Path
    """The interpreter of an environment that has its dependencies."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which Python imports this code and no other."""
        return {"PYTHONPATH": f"{self.root}:{self.root / 'client'}"}


def this_tree() -> Version:
    return Version("this tree", ROOT, Path(sys.executable))


def export(commit: str, folder: Path) -> Version:
    """Writes the files of a commit to `folder`, which must not exist, with this tree's benchmark in the place of its
    own. Raises `CalledProcessError` for an unknown commit."""
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    shutil.rmtree(folder / _OURS, ignore_errors=True)
    shutil.copytree(ROOT / _OURS, folder / _OURS, ignore=shutil.ignore_patterns("__pycache__"))
    short = subprocess.run(
        ["git", "rev-parse", "--short", commit], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    changed = changed_pins((folder / _PINS).read_text(), (ROOT / _PINS).read_text())
    return Version(short, folder, make_environment(folder / ".venv", changed) if changed else Path(sys.executable))


def changed_pins(before: str, now: str) -> list[str]:
    """Returns the lines of a constraints file that are not in the present one and not what is installed here."""
    pins = {line for line in before.splitlines() if "==" in line} - set(now.splitlines())
    return sorted(pin for pin in pins if not _is_installed(*pin.split("==")))


def _is_installed(name: str, version: str) -> bool:
    try:
        return importlib.metadata.version(name).partition("+")[0] == version
    except importlib.metadata.PackageNotFoundError:
        return False


def make_environment(folder: Path, pins: list[str]) -> Path:
    """Creates an environment that has these packages, and those of the running one behind them. Returns its
    interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    # A path file comes after the folder that it stands in, so the packages here go before the others.
    (Path(sysconfig.get_path("purelib", "venv", scheme)) / "others.pth").write_text(sysconfig.get_path("purelib"))
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *pins], check=True)
    return python
