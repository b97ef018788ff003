"""What is promised is on the disk before it is told: a power cut forgets what was not synced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from service.jobs.records import JobRecord
from tests.chaos.clients.load import Load
from tests.chaos.clients.requests import alike
from tests.chaos.servers.cluster import Cluster
from tests.chaos.troubles.disks import NotPermittedError, traced
from tests.chaos.troubles.system_calls import Call, calls
from tests.harness.programs import find_program

pytestmark = pytest.mark.timeout(1800)

_JOBS = 2
_OPTIONS = ("-y", "-s", "5000", "-e", "trace=fsync,fdatasync,pwrite64,write,/^rename,recvfrom,sendto")
"""Strings at such length hold a whole page of the database."""


@dataclass(frozen=True, slots=True)
class Course:
    calls: list[Call]
    """Those that succeeded, in order."""
    records: list[JobRecord]

    def first(self, name: str, path: str, *, after: int = -1, text: str = "") -> int:
        """Where such a call with `text` in it was made; the call's name and the path may begin and end so."""
        return next(
            at
            for at, call in enumerate(self.calls)
            if at > after and call.name.startswith(name) and call.path.endswith(path) and text in "".join(call.texts)
        )


@pytest.fixture
def course(site: Cluster, tmp_path: Path) -> Course:
    """Of a server that makes jobs of two images, for one client."""
    strace, log = find_program("strace"), tmp_path / "strace"
    server = site.start()
    server.wait_until_ready()
    load = Load(site.url, alike("order", n=2), clients=1, unfinished=0, limit=_JOBS)
    try:
        with traced(server, strace, log, _OPTIONS), load:
            load.join()
    except NotPermittedError as error:
        pytest.skip(f"strace may not watch the server: {error}")
    return Course([call for call in calls(log.read_text()) if call.result >= 0], list(site.records().values()))


def test_an_image_and_its_name_are_synced_before_its_record_is_written(course: Course) -> None:
    images = [(record.id, image) for record in course.records for image in record.images]
    assert len(images) == 2 * _JOBS
    for job_id, image in images:
        renamed = course.first("rename", "", text=f"{job_id}/{image.index}.")
        partial, file = course.calls[renamed].texts
        written = course.first("write", partial)
        assert written < course.first("fsync", partial, after=written) < renamed
        named = course.first("fsync", str(Path(file).parent), after=renamed)
        assert named < course.first("pwrite64", "-wal", text=image.sha256)


def test_a_job_is_synced_before_it_is_answered(course: Course) -> None:
    for record in course.records:
        asked = course.first("recvfrom", "", text=f'image {record.spec.images[0].params.prompt.split()[1]}\\"')
        answered = course.first("sendto", "", after=asked, text="HTTP/1.1 202")
        written = course.first("pwrite64", "-wal", after=asked, text=record.id)
        writer = course.calls[written].thread
        synced = [call.name for call in course.calls[written:answered] if call.thread == writer]
        assert "fdatasync" in synced
