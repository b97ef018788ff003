"""Measures the cost of followers of waiting jobs while nothing happens."""

from __future__ import annotations

import time
from typing import Final

from benchmarks.store.load.generate import Generator
from benchmarks.store.load.plans import Followers
from benchmarks.store.parts.stage import Figures, Stage, fill, job, use_over
from benchmarks.store.servers.control import HELD_S

_CLAIMED: Final = 40
"""More jobs than a server claims ahead. Those behind them wait."""


def measure(stage: Stage) -> Figures:
    sizes = stage.sizes
    with stage.running() as servers:
        servers.set_row_s(HELD_S)
        fill(servers, sizes, job(), _CLAIMED)
        followed = fill(servers, sizes, job(), sizes.followers).locations
        alone = use_over(servers, sizes.seconds)
        load = Followers(
            port=servers.ports[0],
            paths=[f"{path}/events" for path in followed],
            seconds=sizes.settle_s + sizes.seconds + 1,
        )
        with Generator(load) as generator:
            generator.start()
            time.sleep(sizes.settle_s)
            use = use_over(servers, sizes.seconds)
            result = generator.result()
    return {
        "followers": result.count("200"),
        "followers refused or cut off": result.lost,
        "server CPU without, % of a core": 100 * alone.server_cpu_s / alone.at_s,
        "server CPU with, % of a core": 100 * use.server_cpu_s / use.at_s,
    }
