"""A server that is stopped past its lease and goes on when another has taken its jobs over: it must write nothing."""

from __future__ import annotations

import signal
from typing import Final

from tests.chaos.campaign import Tally, reckon
from tests.chaos.load import Load
from tests.chaos.orders import alike
from tests.chaos.points import STORED, WRITTEN, Strike, committed
from tests.chaos.processes import Server, wait_until
from tests.chaos.reconcile import Discrepancy, Served, Stored
from tests.chaos.site import Site

POINTS: Final = (
    WRITTEN,
    STORED,
    *(committed(operation) for operation in ("claim", "heartbeat", "add_picture", "finish")),
)
"""Where a server may stop for long: not in a transaction, which would be in the other's way for as long."""
_JOBS: Final = 12
_ANSWER_S: Final = 2.0
"""A server that is stopped takes requests, and does not answer."""


def raise_zombie(site: Site, point: str) -> Tally:
    """Stop a server at `point`, let another finish its jobs, wake the first. The site's lease should be some seconds.

    Each draws a little differently, as two devices do, so that it shows whose files are there.
    """
    zombie = site.start(stain="drawn by the first")
    zombie.wait_until_ready()
    with Load(site.url, alike(point, n=3), limit=_JOBS, answer_s=_ANSWER_S) as load:
        zombie.trap.arm(point, Strike.STOP)
        wait_until(lambda: is_stopped(zombie), f"a server that stops at {point}")
        other = site.start(stain="drawn by the second")
        other.wait_until_ready()
        load.join()
    tally = reckon(site, load, strikes=1, as_drawn=False)
    before = site.stored()
    zombie.send(signal.SIGCONT)
    zombie.wait_until_ready()
    told = site.served(load.receipts, zombie), site.served(load.receipts, other)
    zombie.send(signal.SIGTERM)  # It ends when whatever it had in hand has been tried.
    zombie.wait("a server that was told to stop")
    tally.discrepancies += _disagreements(*told)
    tally.discrepancies += changes(before, site.stored())
    tally.discrepancies += reckon(site, load, strikes=1, as_drawn=False).discrepancies
    tally.counts["zombies"] += 1
    return tally


def is_stopped(server: Server) -> bool:
    with open(f"/proc/{server.pid}/stat") as file:  # noqa: PTH123 -- one line that is there at once
        return file.read().rpartition(")")[2].split()[0] == "T"


def changes(before: Stored, after: Stored) -> list[Discrepancy]:
    """What has been written between two looks at a site where nothing was left to do."""
    return [
        *(
            Discrepancy("record written by a zombie", job_id)
            for job_id in before.records.keys() | after.records.keys()
            if before.records.get(job_id) != after.records.get(job_id)
        ),
        *(
            Discrepancy("picture written by a zombie", f"{job_id}/{name}")
            for job_id, files in before.files.items()
            for name, sha256 in files.items()
            if not name.endswith(".partial") and after.files.get(job_id, {}).get(name) != sha256
        ),
    ]


def _disagreements(one: Served, other: Served) -> list[Discrepancy]:
    jobs = one.jobs.keys() | other.jobs.keys()
    pictures = one.pictures.keys() | other.pictures.keys()
    return [
        *(Discrepancy("answers that differ", job) for job in jobs if one.jobs.get(job) != other.jobs.get(job)),
        *(
            Discrepancy("pictures that differ", url)
            for url in pictures
            if one.pictures.get(url) != other.pictures.get(url)
        ),
    ]
