"""Data is synced to disk before it is acknowledged, because a power failure loses what was not synced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from service.jobs.records import JobRecord
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import uniform
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.disks import NotPermittedError, traced
from tests.harness.programs.finding import find_program
from tests.harness.programs.system_calls import SystemCall, parse_system_calls

pytestmark = pytest.mark.timeout(1800)

_JOBS = 2
_OPTIONS = ("-y", "-s", "5000", "-e", "trace=fsync,fdatasync,pwrite64,write,/^rename,recvfrom,sendto")
"""Options of strace. Strings of this length hold a whole page of the database."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The system calls of a server that made some jobs, and the records of those jobs."""

    calls: list[SystemCall]
    """Successful calls, in order."""
    records: list[JobRecord]

    def first(self, name: str, path: str, *, after: int = -1, text: str = "") -> int:
        """Return the index of the first matching call behind index `after`.

        Its name begins with `name`, its path ends with `path`, and its strings contain `text`.
        """
        return next(
            index
            for index, call in enumerate(self.calls)
            if index > after and call.name.startswith(name) and call.path.endswith(path) and text in "".join(call.texts)
        )


@pytest.fixture
def trace(cluster: Cluster, tmp_path: Path) -> Trace:
    """The trace of a server that makes jobs of two images for one client."""
    strace, log = find_program("strace"), tmp_path / "strace"
    server = cluster.start()
    server.wait_until_ready()
    load = Load(cluster.url, uniform("sync", n=2), clients=1, unfinished=0, limit=_JOBS)
    try:
        with traced(server, strace, log, _OPTIONS), load:
            load.join()
    except NotPermittedError as error:
        # Containers often forbid tracing, and without it the order of system calls is not known.
        pytest.skip(f"strace may not trace the server: {error}")
    calls = [call for call in parse_system_calls(log.read_text()) if call.result >= 0]
    return Trace(calls, list(cluster.records().values()))


def test_an_image_and_its_name_are_synced_before_its_record_is_written(trace: Trace) -> None:
    images = [(record.id, image) for record in trace.records for image in record.images]
    assert len(images) == 2 * _JOBS
    for job_id, image in images:
        renamed = trace.first("rename", "", text=f"{job_id}/{image.index}.")
        partial, file = trace.calls[renamed].texts
        written = trace.first("write", partial)
        assert written < trace.first("fsync", partial, after=written) < renamed
        name_synced = trace.first("fsync", str(Path(file).parent), after=renamed)
        assert name_synced < trace.first("pwrite64", "-wal", text=image.sha256)


def test_a_job_is_synced_before_it_is_answered(trace: Trace) -> None:
    for record in trace.records:
        requested = trace.first("recvfrom", "", text=f'image {record.spec.images[0].params.prompt.split()[1]}\\"')
        answered = trace.first("sendto", "", after=requested, text="HTTP/1.1 202")
        written = trace.first("pwrite64", "-wal", after=requested, text=record.id)
        writer = trace.calls[written].thread
        synced = [call.name for call in trace.calls[written:answered] if call.thread == writer]
        assert "fdatasync" in synced
