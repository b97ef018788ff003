"""The servers that are compared: how each is started, asked whether it is ready, and spoken to. Starts none itself."""

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
"""No telemetry, no downloads; and time for Ray's proxy to start, as the others have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a server is told of where and how to run."""

    port: int
    model: Path
    threads: int
    """Of one tensor operation."""
    scratch: Path
    """An empty folder, gone when the server has ended."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    """Also the name of its environment."""
    title: str
    command: tuple[str, ...]
    """`{python}`, `{bin}` and the fields of `Place` are filled in."""
    api: str
    """A key of `benchmarks.load.apis.APIS`."""
    health: str
    """A path that answers 200 once jobs are welcome, and not before."""

    @property
    def python(self) -> Path:
        return Path(sys.executable) if self.name == OURS else ENVIRONMENTS / self.name / "bin" / "python"

    def arguments(self, place: Place) -> list[str]:
        """The command line."""
        values = {"python": self.python, "bin": self.python.parent, **dataclasses.asdict(place)}
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


def environment(place: Place) -> dict[str, str]:
    """What every server finds in its environment: ours, without settings of Darkroom's and without telemetry."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("DARKROOM_")}
    return {
        **kept,
        **_QUIET,
        "BENTOML_HOME": str(place.scratch),
        "OMP_NUM_THREADS": str(place.threads),
        "PYTHONPATH": str(ROOT),
        # Ray insists on the machine's own address for its inner ports: they are open to this run alone.
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        MODEL_VARIABLE: str(place.model),
        PORT_VARIABLE: str(place.port),
        THREADS_VARIABLE: str(place.threads),
    }
