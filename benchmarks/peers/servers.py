"""The compared servers: the command, health path and API of each. This module starts none."""

from __future__ import annotations

import dataclasses
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers.pipeline import MODEL_VARIABLE, PORT_VARIABLE, THREADS_VARIABLE

ROOT: Final = Path(__file__).parents[2]
ENVIRONMENTS: Final = Path(__file__).parent / ".venvs"
OURS: Final = "darkroom"

_QUIET: Final = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "120",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Disables telemetry and downloads, and gives Ray's proxy as much time to start as the other servers have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOptions:
    """The values that a server is started with."""

    port: int
    model: Path
    threads: int
    """Threads of one tensor operation."""
    scratch: Path
    """An empty folder that is deleted after the server has stopped."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server to compare."""

    name: str
    """The server's name and that of its virtual environment."""
    title: str
    command: tuple[str, ...]
    """The command line. `{python}`, `{bin}` and the fields of `LaunchOptions` are replaced."""
    api: str
    """A key of `benchmarks.load.apis.APIS`."""
    health: str
    """A path that returns 200 as soon as the server accepts requests."""

    @property
    def python(self) -> Path:
        return Path(sys.executable) if self.name == OURS else ENVIRONMENTS / self.name / "bin" / "python"

    def arguments(self, options: LaunchOptions) -> list[str]:
        """Returns the command line."""
        values = {"python": self.python, "bin": self.python.parent, **dataclasses.asdict(options)}
        return [argument.format_map(values) for argument in self.command]


SERVERS: Final = (
    Server(
        OURS,
        "Darkroom",
        (
            *("{bin}/darkroom", "serve", "--port", "{port}", "--admin-port", "none", "--model", "{model}"),
            *("--threads", "{threads}", "--data-dir", "{scratch}", "--log-level", "warning"),
        ),
        api="darkroom",
        health="/readyz",
    ),
    Server(
        "diffusers",
        "diffusers and FastAPI, a lock",
        ("{python}", "-m", "benchmarks.peers.apps.serve_diffusers"),
        api="plain",
        health="/health",
    ),
    Server(
        "litserve",
        "LitServe, dynamic batching",
        ("{python}", "-m", "benchmarks.peers.apps.serve_litserve"),
        api="plain",
        health="/health",
    ),
    Server(
        "ray",
        "Ray Serve, `@serve.batch`",
        ("{python}", "-m", "benchmarks.peers.apps.serve_ray"),
        api="plain",
        health="/health",
    ),
    Server(
        "bentoml",
        "BentoML, adaptive batching",
        (
            *("{bin}/bentoml", "serve", "benchmarks.peers.apps.serve_bentoml:Images"),
            *("--host", "127.0.0.1", "--port", "{port}", "--working-dir", str(ROOT)),
        ),
        api="plain",
        health="/readyz",
    ),
)


def environment(options: LaunchOptions) -> dict[str, str]:
    """Returns a server's environment variables: those of this process, without `DARKROOM_*` and without telemetry."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith("DARKROOM_")}
    return {
        **inherited,
        **_QUIET,
        "BENTOML_HOME": str(options.scratch),
        "OMP_NUM_THREADS": str(options.threads),
        "PYTHONPATH": str(ROOT),
        # Ray binds its internal ports to the machine's own address. The token restricts them to this run.
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        MODEL_VARIABLE: str(options.model),
        PORT_VARIABLE: str(options.port),
        THREADS_VARIABLE: str(options.threads),
    }
