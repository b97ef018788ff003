"""The stage that every part runs on: servers of one version, a load on them, and the sizes of the measurement."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

from benchmarks.store.load.generate import Generator
from benchmarks.store.load.http import post
from benchmarks.store.load.plans import ClosedLoop, Load, Result
from benchmarks.store.servers.databases import Database
from benchmarks.store.servers.running import Servers, Use, running_servers
from benchmarks.store.servers.versions import Version

Figures: TypeAlias = dict[str, float]
"""The figures of a part, by name with unit."""

JOBS: Final = "/api/v1/jobs"
STEPS: Final = 20
ROWS_AN_IMAGE: Final = 2 * STEPS
"""Rows of a guided image."""
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
_SIDE: Final = 64
"""The smallest image that the simulated model makes: its encoding should not be what is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The amounts that are measured. The defaults are those of docs/performance.md."""

    seconds: float = 15.0
    """Length of each load."""
    connections: int = 32
    rate: float = 6.0
    """Images a second of the device."""
    window: int = 128
    """Jobs under way at a time where whole lives are measured."""
    traced_jobs: int = 40
    """Jobs during which syncs are counted."""
    depth: int = 10_000
    sampled_jobs: int = 300
    """Jobs that are accepted, and then finished, with and without a deep queue."""
    fill_s: float = 400.0
    """Longest time for filling a queue."""
    overload_rates: tuple[float, ...] = (60.0, 154.0, 400.0)
    """Requests a second."""
    shared_rate: float = 20.0
    """Images a second of the device that two tenants overload."""
    followers: int = 200
    settle_s: float = 8.0
    """Time in which followers connect, before anything is counted."""
    listed_jobs: int = 100
    list_callers: int = 5
    """Callers that ask for a page at the same time."""
    list_calls: int = 10


SMOKE: Final = Sizes(
    seconds=1.0,
    connections=4,
    rate=100.0,
    window=8,
    traced_jobs=2,
    depth=100,
    sampled_jobs=80,
    fill_s=60.0,
    overload_rates=(80.0,),
    followers=5,
    settle_s=0.5,
    listed_jobs=5,
    list_calls=2,
)


class Measured(NamedTuple):
    result: Result
    use: Use
    """The resources that were used while the load ran."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The setting in which the parts measure one version."""

    version: Version
    database: Database
    sizes: Sizes
    folder: Path
    """On a real disk."""
    servers: int = 1
    settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Further `DARKROOM_*` variables of the servers."""
    _numbers: itertools.count[int] = dataclasses.field(default_factory=itertools.count)

    @contextlib.contextmanager
    def running(self, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[Servers]:
        """Runs servers with an empty store and devices that take no time."""
        folder = self.folder / f"{self.version.name.replace(' ', '-')}-{next(self._numbers)}"
        with running_servers(
            self.version, self.database, folder, count=self.servers, settings={**self.settings, **settings}
        ) as servers:
            yield servers

    def row_s(self) -> float:
        """The seconds of a row with which the device makes `sizes.rate` images a second, however it batches."""
        return 1 / (self.sizes.rate * ROWS_AN_IMAGE)


def run_load(servers: Servers, load: Load) -> Measured:
    """Runs a load from its start to its end."""
    with Generator(load) as generator:
        before = servers.use()
        generator.start()
        result = generator.result()
        return Measured(result, servers.use().since(before))


def fill(servers: Servers, sizes: Sizes, request: bytes, jobs: int) -> Result:
    """Sends so many jobs to the servers, or as many as they accept in `sizes.fill_s`."""
    load = ClosedLoop(
        ports=servers.ports, request=request, connections=sizes.connections, seconds=sizes.fill_s, limit=jobs
    )
    return run_load(servers, load).result


def use_over(servers: Servers, seconds: float) -> Use:
    """Returns the resources that are used in so many seconds from now."""
    before = servers.use()
    time.sleep(seconds)
    return servers.use().since(before)


def job(steps: int = STEPS, **fields: Any) -> bytes:
    """Returns the request for a job, of one image unless `fields` say otherwise."""
    own = {"prompt": "a red circle on white", "width": _SIDE, "height": _SIDE, "num_inference_steps": steps}
    return post(JOBS, {**own, **fields})


def per(amount: float, count: float) -> float:
    """Returns `amount` divided by `count`; NaN where that is 0."""
    return amount / count if count else math.nan
