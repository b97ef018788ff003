"""A server that is stopped past its lease and goes on when another has taken its jobs over: it must write nothing."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

from tests.chaos.campaign import Tally, reckon
from tests.chaos.clients.load import Load
from tests.chaos.clients.reconcile import Discrepancy, Served, Stored
from tests.chaos.clients.requests import alike
from tests.chaos.servers.cluster import Cluster
from tests.chaos.servers.processes import Server, wait_until
from tests.chaos.troubles.points import STORED, WRITTEN, Strike, committed

POINTS: Final = (WRITTEN, STORED, *(committed(name) for name in ("claim", "heartbeat", "add_image", "finish")))
"""Where a server may stop for long: not in a transaction, which would be in the other's way for as long."""
LEASE_S: Final = 4.0
"""For the site's servers, of which a slow one should not be taken for a dead one."""
SLOW_WORKER: Final = ("--call-s", "0.02")
"""For `wake_early`."""
_STEPS: Final = 40
"""There, so that a job takes long enough for both to be at it."""
_ANSWER_S: Final = 2.0
"""A server that is stopped takes requests, and does not answer."""


def wake_late(site: Cluster, point: str) -> Tally:
    """Stop a server at `point`, let another finish its jobs, wake the first."""
    zombie = _start(site)
    with Load(site.url, alike(point, n=3), answer_s=_ANSWER_S) as load:
        other = _stop_and_replace(site, zombie, point)
        load.order_no_more()
        load.join()
    tally = reckon(site, load, strikes=1, as_drawn=False)
    before = site.stored()
    zombie.send(signal.SIGCONT)
    zombie.wait_until_ready()
    tally.discrepancies += _disagreements(site.served(load.receipts, zombie), site.served(load.receipts, other))
    _end(zombie)
    tally.discrepancies += _changes(before, site.stored())
    tally.discrepancies += reckon(site, load, strikes=1, as_drawn=False).discrepancies
    tally.counts["zombies"] += 1
    return tally


def wake_early(site: Cluster, point: str) -> Tally:
    """Stop a server at `point` and wake it while another is making its jobs, so that both are at work on them.

    To be done on a site with `SLOW_WORKER`.
    """
    zombie, orders = _start(site), alike(point, n=3, num_inference_steps=_STEPS)
    with Load(site.url, orders, answer_s=_ANSWER_S) as load:
        other = _stop_and_replace(site, zombie, point)
        wait_until(lambda: bool(site.running(other)), "a job that is taken over")
        taken_over = {job.id: job.attempt for job in site.running(other)}
        before = _recorded_before(site, taken_over)
        zombie.send(signal.SIGCONT)
        load.order_no_more()
        load.join()
    zombie.wait_until_ready()
    _end(zombie)
    tally = reckon(site, load, strikes=1, as_drawn=False)
    late = _recorded_before(site, taken_over) - before
    tally.discrepancies += [Discrepancy("image recorded by a zombie", image) for image in sorted(late)]
    tally.counts["zombies"] += 1
    return tally


def _start(site: Cluster) -> Server:
    server = site.start(stain="drawn by the first")
    server.wait_until_ready()
    return server


def _stop_and_replace(site: Cluster, zombie: Server, point: str) -> Server:
    """The successor of a server that stops at `point`.

    Each draws a little differently, as two devices do, so that it shows whose files are there.
    """
    zombie.trap.arm(point, Strike.STOP)
    wait_until(lambda: _is_stopped(zombie), f"a server that stops at {point}")
    other = site.start(stain="drawn by the second")
    other.wait_until_ready()
    return other


def _is_stopped(server: Server) -> bool:
    state = Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "T"


def _end(zombie: Server) -> None:
    """It ends when whatever it had in hand has been tried."""
    zombie.send(signal.SIGTERM)
    zombie.wait("a server that was told to stop")


def _recorded_before(site: Cluster, attempts: dict[str, int]) -> set[str]:
    """Images of these jobs that attempts before these have recorded."""
    return {
        f"{record.id}/{image.index}"
        for record in site.records().values()
        for image in record.images
        if image.attempt < attempts.get(record.id, 0)
    }


def _changes(before: Stored, after: Stored) -> list[Discrepancy]:
    """What has been written between two looks at a site where nothing was left to do."""
    return [
        *(
            Discrepancy("record written by a zombie", job_id)
            for job_id in before.records.keys() | after.records.keys()
            if before.records.get(job_id) != after.records.get(job_id)
        ),
        *(
            Discrepancy("image written by a zombie", f"{job_id}/{name}")
            for job_id, files in before.files.items()
            for name, sha256 in files.items()
            if not name.endswith(".partial") and after.files.get(job_id, {}).get(name) != sha256
        ),
    ]


def _disagreements(one: Served, other: Served) -> list[Discrepancy]:
    jobs = one.jobs.keys() | other.jobs.keys()
    images = one.images.keys() | other.images.keys()
    return [
        *(Discrepancy("answers that differ", job) for job in jobs if one.jobs.get(job) != other.jobs.get(job)),
        *(Discrepancy("images that differ", url) for url in images if one.images.get(url) != other.images.get(url)),
    ]
