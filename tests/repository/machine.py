"""A make-believe machine for the set-up script: a PATH whose Pythons are shell scripts that only take notes.

It knows how the script talks to an interpreter. It installs nothing and reaches no network.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.paths import ROOT

INGREDIENTS = ("pyproject.toml", "client/pyproject.toml", "client/darkroom/_version.py", "constraints.txt")
"""The files that decide what is installed into an environment."""
_TOOLS = ("cat", "cksum", "cp", "dirname", "mkdir", "mktemp", "rm", "sh")

# Answers like an interpreter of the given version. BROKEN lists what this one lacks: venv, pip, network.
_PYTHON = """#!/bin/sh
BROKEN="{broken}"
lacks() {{ case " $BROKEN " in *" $1 "*) return 0 ;; esac; return 1; }}
become() {{ mkdir -p "$1/bin" && cp "{inner}" "$1/bin/python"; }}
case "$*" in
"-c import sys"*) echo "{version}"; exit 0 ;;
"-c import ensurepip"*) if lacks venv; then exit 1; fi; exit 0 ;;
"-m pip"*) if lacks pip; then exit 1; fi ;;
esac
echo "{name} $*" >>"{log}"
case "$*" in
"-m pip show"*) exit 1 ;;
"-m pip install"*) if lacks network; then echo "no route to host" >&2; exit 1; fi ;;
"-m venv "*) become "$3" ;;
"-m virtualenv "*) become "$4" ;;
esac
"""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run of the script. `calls` lists how the stand-ins for Python were called."""

    status: int
    said: list[str]
    calls: list[str]

    @property
    def installs(self) -> list[str]:
        return [call for call in self.calls if " -m pip install " in call]


@dataclass(frozen=True)
class Machine:
    """A copy of the set-up script and its inputs under `home`, and a PATH that holds nothing else."""

    home: Path

    def __post_init__(self) -> None:
        for name in ("scripts/setup.sh", *INGREDIENTS):
            target = self.clone / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        self.path.mkdir()
        for tool in _TOOLS:
            found = shutil.which(tool)
            assert found is not None, tool
            (self.path / tool).symlink_to(found)
        self.program("uname", "#!/bin/sh\necho Linux\n")

    @property
    def clone(self) -> Path:
        return self.home / "clone"

    @property
    def path(self) -> Path:
        return self.home / "bin"

    @property
    def venv(self) -> Path:
        return self.clone / ".venv"

    @property
    def _log(self) -> Path:
        return self.home / "calls"

    def program(self, name: str, text: str) -> None:
        file = self.path / name
        file.write_text(text)
        file.chmod(0o755)

    def python(self, name: str, version: str, *, lacks: str = "") -> None:
        """Puts an interpreter on PATH. The environments it makes hold a whole one, as offline as it is."""
        inner = self.home / f"{name}-inside"
        within = "network" if "network" in lacks else ""
        inner.write_text(_PYTHON.format(name=".venv", version=version, broken=within, inner=inner, log=self._log))
        inner.chmod(0o755)
        self.program(name, _PYTHON.format(name=name, version=version, broken=lacks, inner=inner, log=self._log))

    def set_up(self, level: str = "run", **variables: str) -> Outcome:
        self._log.write_text("")
        run = subprocess.run(
            [self.path / "sh", "scripts/setup.sh", level],
            cwd=self.clone,
            env={"PATH": str(self.path), "TMPDIR": str(self.home), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(run.returncode, run.stderr.splitlines(), self._log.read_text().splitlines())
