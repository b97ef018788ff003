"""Compares what clients observed with what the server stored and serves. Pure: no server, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.images.storage import EXTENSIONS
from service.jobs.records import JobRecord, Status, StoredImage
from tests.chaos.clients.requests import FollowUp, JobRequest, Observation, expected_sha256


@dataclass(frozen=True, slots=True)
class Stored:
    """The contents of the database and of the image folder."""

    records: Mapping[str, JobRecord]
    keys: Mapping[str, str]
    """Job id of each idempotency key."""
    files: Mapping[str, Mapping[str, str]]
    """SHA-256 by file name, for each job that has a folder."""


@dataclass(frozen=True, slots=True)
class Served:
    """The answers of the API."""

    jobs: Mapping[str, dict[str, Any]]
    """Bodies by job id."""
    images: Mapping[str, str]
    """SHA-256 of the bytes at each image's URL."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    kind: str
    about: str


def reconcile(
    observations: Sequence[Observation],
    stored: Stored,
    served: Served,
    *,
    max_orphans: int,
    checks_pixels: bool = True,
) -> list[Discrepancy]:
    """Return all discrepancies.

    `max_orphans` files may lack a record, because a process may die between writing the file and the record.
    `checks_pixels` says whether to compare the images with those of an undisturbed server.
    """
    return [
        *(each for seen in observations for each in _check_observation(seen, stored, served, checks_pixels)),
        *_check_for_duplicates(observations, stored),
        *(Discrepancy("job that did not end", job.id) for job in stored.records.values() if not job.ended),
        *_check_for_orphans(stored, max_orphans),
    ]


def _check_observation(
    observation: Observation, stored: Stored, served: Served, checks_pixels: bool
) -> Iterator[Discrepancy]:
    key = observation.request.key
    for error in observation.errors:
        yield Discrepancy("answer that no client should get", f"{key}: {error}")
    if not observation.acceptances:
        return
    if len(observation.job_ids) != 1:
        yield Discrepancy("key with several jobs", f"{key}: {sorted(observation.job_ids)}")
        return
    (job_id,) = observation.job_ids
    if stored.keys.get(key) != job_id:
        yield Discrepancy("key with a different job in the database", f"{key}: {job_id}, not {stored.keys.get(key)}")
    record = stored.records.get(job_id)
    if observation.deleted:
        if record is not None or job_id in served.jobs:
            yield Discrepancy("deleted job that still exists", job_id)
    elif record is None:
        yield Discrepancy("lost job", job_id)
    else:
        yield from _check_record(observation, record, checks_pixels)
        yield from _check_files(record, stored.files.get(job_id, {}))
        yield from _check_answers(record, served)


def _check_record(observation: Observation, record: JobRecord, checks_pixels: bool) -> Iterator[Discrepancy]:
    if observation.final_statuses - {record.status}:
        seen = sorted(observation.final_statuses)
        yield Discrepancy("job with two final statuses", f"{record.id}: {record.status}, but the client saw {seen}")
    is_canceled = observation.request.follow_up is FollowUp.CANCEL
    allowed = {Status.SUCCEEDED, Status.CANCELED} if is_canceled else {Status.SUCCEEDED}
    if record.ended and record.status not in allowed:
        yield Discrepancy("job that did not succeed", f"{record.id}: {record.status} {record.failure}")
    if record.spec != observation.request.spec:
        yield Discrepancy("job that differs from its request", record.id)
    indices = [image.index for image in record.images]
    requested = list(range(len(record.spec.images)))
    is_complete = indices == requested if record.status is Status.SUCCEEDED else set(indices) <= set(requested)
    if not is_complete or len(set(indices)) < len(indices):
        yield Discrepancy("missing or extra images", f"{record.id}: {indices}")
    for image in record.images if checks_pixels else ():
        if image.sha256 != _expected(observation.request, image.index):
            yield Discrepancy("image that differs from its request", f"{record.id}/{image.index}")


def _expected(request: JobRequest, index: int) -> str:
    spec = request.spec
    return expected_sha256(spec.images[index].params, spec.model, spec.output_format, spec.output_compression)


def _check_files(record: JobRecord, files: Mapping[str, str]) -> Iterator[Discrepancy]:
    for image in record.images:
        if _file_name(image) not in files:
            yield Discrepancy("image without a file", f"{record.id}/{image.index}")
        elif files[_file_name(image)] != image.sha256:
            yield Discrepancy("file that differs from its record", f"{record.id}/{image.index}")


def _check_answers(record: JobRecord, served: Served) -> Iterator[Discrepancy]:
    job = served.jobs.get(record.id)
    if job is None or job["status"] != record.status:
        yield Discrepancy("answer that differs from the record", record.id)
        return
    answered = {image["index"]: (image["sha256"], image["size_bytes"]) for image in job["images"]}
    if answered != {image.index: (image.sha256, image.size_bytes) for image in record.images}:
        yield Discrepancy("answer that differs from the record", f"{record.id}: its images")
    for image in job["images"]:
        if served.images.get(image["url"]) != image["sha256"]:
            yield Discrepancy("image URL with different bytes", image["url"])


def _check_for_duplicates(observations: Sequence[Observation], stored: Stored) -> Iterator[Discrepancy]:
    observed = {job_id for observation in observations for job_id in observation.job_ids}
    keys = {observation.request.key for observation in observations}
    unanswered = {job_id for key, job_id in stored.keys.items() if key in keys}
    for job_id in sorted(stored.records.keys() - observed - unanswered):
        yield Discrepancy("job without a request", job_id)
    for job_id, count in Counter(stored.keys.values()).items():
        if count > 1:
            yield Discrepancy("job with several keys", job_id)


def _check_for_orphans(stored: Stored, allowed: int) -> Iterator[Discrepancy]:
    orphans = [
        f"{job_id}/{name}"
        for job_id, names in stored.files.items()
        for name in names
        if name not in recorded_names(stored.records.get(job_id))
    ]
    if len(orphans) > allowed:
        yield Discrepancy("files without a record", f"{len(orphans)}, more than {allowed}: {orphans[:5]} ...")


def recorded_names(record: JobRecord | None) -> set[str]:
    """Return the names of the files of a job's recorded images."""
    return set() if record is None else {_file_name(image) for image in record.images}


def _file_name(image: StoredImage) -> str:
    attempt = "" if image.attempt == 1 else f".{image.attempt}"
    return f"{image.index}{attempt}.{EXTENSIONS[image.media_type]}"
