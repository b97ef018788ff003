"""Measures whether a tenant that floods the server harms another one, at ten times the load that the device can do.

For each request of the small tenant the large one sends a hundred, in an open loop. Both ask on /v1 for
images at once. A commit from before there were keys cannot be measured.
"""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Final

from benchmarks.store.load.generate import Generator
from benchmarks.store.load.http import post
from benchmarks.store.load.plans import OpenLoop, Probes, Result
from benchmarks.store.parts.stage import ROWS_AN_IMAGE, STEPS, Figures, Stage, per, run_load, use_over
from benchmarks.store.servers.running import Servers, Use

_OVERLOAD: Final = 10.0
"""Requests for each image that the device can make."""
_RATIO: Final = 100
"""Requests of the large tenant for each one of the small tenant."""
_QUEUE_S: Final = 2.0
"""Seconds of the device's work that have room in the queue."""
_PROBES_A_SECOND: Final = 2.0
_LATE_S: Final = 1.0
_CONNECTIONS: Final = 400
_GRACE_S: Final = 30.0


def measure(stage: Stage) -> Figures:
    """Measures the small tenant by itself, and then beside the large one."""
    rate = stage.sizes.shared_rate
    keys = {name: secrets.token_urlsafe(32) for name in ("small", "large")}
    settings = {
        "DARKROOM_API_KEY_FILE": str(_key_file(stage.folder / "keys", keys)),
        "DARKROOM_MAX_QUEUED_IMAGES": str(round(rate * _QUEUE_S)),
    }
    with stage.running(settings) as servers:
        servers.set_row_s(1 / (rate * ROWS_AN_IMAGE))
        small, large = (_load(servers, stage, keys[name], share) for name, share in (("small", 1), ("large", _RATIO)))
        unloaded = run_load(servers, small).result
        return figures(unloaded, *_together(servers, small, large))


def _together(servers: Servers, small: OpenLoop, large: OpenLoop) -> tuple[Result, Result, Result, Use]:
    """Returns the results of the small load, the large one and the health checks, and the resources used meanwhile."""
    checks = Probes(
        port=small.port, paths=["/livez", "/readyz"], rate=_PROBES_A_SECOND, seconds=small.seconds, late_s=_LATE_S
    )
    with contextlib.ExitStack() as stack:
        generators = [stack.enter_context(Generator(load)) for load in (small, large, checks)]
        for generator in generators:
            generator.start()
        use = use_over(servers, small.seconds)
        of_small, of_large, of_checks = (generator.result() for generator in generators)
        return of_small, of_large, of_checks, use


def _load(servers: Servers, stage: Stage, key: str, share: int) -> OpenLoop:
    """Returns the load of a tenant that sends so many of each `_RATIO` + 1 requests."""
    body = {"prompt": "a red circle on white", "size": "64x64", "num_inference_steps": STEPS}
    return OpenLoop(
        port=servers.ports[0],
        request=post("/v1/images/generations", body, key),
        rate=_OVERLOAD * stage.sizes.shared_rate * share / (_RATIO + 1),
        seconds=stage.sizes.seconds,
        connections=_CONNECTIONS,
        grace_s=_GRACE_S,
    )


def _key_file(path: Path, keys: dict[str, str]) -> Path:
    """Writes a file with a key for each tenant."""
    path.touch(0o600)
    path.write_text("".join(f"{secret} name={name} tenant={name} role=user\n" for name, secret in keys.items()))
    return path


def figures(unloaded: Result, small: Result, large: Result, checks: Result, use: Use) -> Figures:
    """Ratios compare the small tenant under overload with itself unloaded. Every status but 200 is a refusal."""
    own: Figures = {
        "device, images/s": use.rows / ROWS_AN_IMAGE / use.at_s,
        "health checks failed or later than 1 s": checks.lost + checks.others_than("200"),
        "health checks": checks.lost + sum(each.count for each in checks.answers.values()),
        "server CPU, cores": use.server_cpu_s / use.at_s,
    }
    for name, result in (("small tenant alone", unloaded), ("small tenant", small), ("large tenant", large)):
        for status, each in sorted(result.answers.items()):
            own[f"{name}, {status}, requests"] = each.count
            own[f"{name}, {status} p50, ms"] = 1e3 * each.p50_s
            own[f"{name}, {status} p99, ms"] = 1e3 * each.p99_s
        own[f"{name}, requests without an answer"] = result.lost
    if "200" in unloaded.answers and "200" in small.answers:
        now, then = small.answers["200"], unloaded.answers["200"]
        own["small tenant, p50, relative to alone"] = per(now.p50_s, then.p50_s)
        own["small tenant, p99, relative to alone"] = per(now.p99_s, then.p99_s)
    return own
