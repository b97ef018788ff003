"""Compares what clients were told with what is there. Values in, discrepancies out; knows no server and no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.images.storage import EXTENSIONS
from service.jobs.records import JobRecord, Status, StoredPicture
from tests.chaos.clients.requests import Fate, Order, Receipt, expected_sha256


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database and the folder hold."""

    records: Mapping[str, JobRecord]
    keys: Mapping[str, str]
    """Job of each idempotency key."""
    files: Mapping[str, Mapping[str, str]]
    """SHA-256 of each file by its name, by the job whose folder it is in."""


@dataclass(frozen=True, slots=True)
class Served:
    """What the API says."""

    jobs: Mapping[str, dict[str, Any]]
    """Bodies by id."""
    pictures: Mapping[str, str]
    """SHA-256 of what each picture's URL gave."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    kind: str
    about: str


def reconcile(
    receipts: Sequence[Receipt], stored: Stored, served: Served, *, strays: int, as_drawn: bool = True
) -> list[Discrepancy]:
    """`strays` files without a record may be left, as a process dies between the two. `as_drawn` is whether pictures
    are compared with what their orders draw undisturbed."""
    return [
        *(each for receipt in receipts for each in _of_receipt(receipt, stored, served, as_drawn)),
        *_duplicates(receipts, stored),
        *(Discrepancy("job without an end", job.id) for job in stored.records.values() if not job.ended),
        *_strays(stored, strays),
    ]


def _of_receipt(receipt: Receipt, stored: Stored, served: Served, as_drawn: bool) -> Iterator[Discrepancy]:
    key = receipt.order.key
    for complaint in receipt.complaints:
        yield Discrepancy("answer that no client should get", f"{key}: {complaint}")
    if not receipt.acceptances:
        return
    if len(receipt.job_ids) != 1:
        yield Discrepancy("key with several jobs", f"{key}: {sorted(receipt.job_ids)}")
        return
    (job_id,) = receipt.job_ids
    if stored.keys.get(key) != job_id:
        yield Discrepancy("key that is not its job's", f"{key}: {job_id}, not {stored.keys.get(key)}")
    record = stored.records.get(job_id)
    if receipt.deleted:
        if record is not None or job_id in served.jobs:
            yield Discrepancy("deleted job that is there", job_id)
    elif record is None:
        yield Discrepancy("lost job", job_id)
    else:
        yield from _of_record(receipt, record, as_drawn)
        yield from _of_files(record, stored.files.get(job_id, {}))
        yield from _of_answers(record, served)


def _of_record(receipt: Receipt, record: JobRecord, as_drawn: bool) -> Iterator[Discrepancy]:
    if receipt.ends - {record.status}:
        yield Discrepancy("job that ended twice", f"{record.id}: {record.status}, but told as {sorted(receipt.ends)}")
    allowed = {Status.SUCCEEDED, Status.CANCELED} if receipt.order.fate is Fate.CANCEL else {Status.SUCCEEDED}
    if record.ended and record.status not in allowed:
        yield Discrepancy("job that did not succeed", f"{record.id}: {record.status} {record.failure}")
    if record.spec != receipt.order.spec:
        yield Discrepancy("job of another order", record.id)
    indices = [picture.index for picture in record.pictures]
    wanted = list(range(len(record.spec.pictures)))
    is_whole = indices == wanted if record.status is Status.SUCCEEDED else set(indices) <= set(wanted)
    if not is_whole or len(set(indices)) < len(indices):
        yield Discrepancy("pictures missing or too many", f"{record.id}: {indices}")
    for picture in record.pictures if as_drawn else ():
        if picture.sha256 != _expected(receipt.order, picture.index):
            yield Discrepancy("picture that is not what was ordered", f"{record.id}/{picture.index}")


def _expected(order: Order, index: int) -> str:
    spec = order.spec
    return expected_sha256(spec.pictures[index].params, spec.model, spec.output_format, spec.output_compression)


def _of_files(record: JobRecord, files: Mapping[str, str]) -> Iterator[Discrepancy]:
    for picture in record.pictures:
        if _name(picture) not in files:
            yield Discrepancy("picture without a file", f"{record.id}/{picture.index}")
        elif files[_name(picture)] != picture.sha256:
            yield Discrepancy("file that is not its record's", f"{record.id}/{picture.index}")


def _of_answers(record: JobRecord, served: Served) -> Iterator[Discrepancy]:
    job = served.jobs.get(record.id)
    if job is None or job["status"] != record.status:
        yield Discrepancy("answer that is not the record's", record.id)
        return
    told = {image["index"]: (image["sha256"], image["size_bytes"]) for image in job["images"]}
    if told != {picture.index: (picture.sha256, picture.size_bytes) for picture in record.pictures}:
        yield Discrepancy("answer that is not the record's", f"{record.id}: its pictures")
    for image in job["images"]:
        if served.pictures.get(image["url"]) != image["sha256"]:
            yield Discrepancy("picture served otherwise than told", image["url"])


def _duplicates(receipts: Sequence[Receipt], stored: Stored) -> Iterator[Discrepancy]:
    ordered = {job_id for receipt in receipts for job_id in receipt.job_ids}
    unknown = stored.records.keys() - ordered
    unanswered = {stored.keys[receipt.order.key] for receipt in receipts if receipt.order.key in stored.keys}
    for job_id in sorted(unknown - unanswered):
        yield Discrepancy("job that nobody ordered", job_id)
    for job_id, count in Counter(stored.keys.values()).items():
        if count > 1:
            yield Discrepancy("job of several keys", job_id)


def _strays(stored: Stored, allowed: int) -> Iterator[Discrepancy]:
    strays = [
        f"{job_id}/{name}"
        for job_id, names in stored.files.items()
        for name in names
        if name not in _recorded(stored.records.get(job_id))
    ]
    if len(strays) > allowed:
        yield Discrepancy("files without a record", f"{len(strays)}, more than {allowed}: {strays[:5]} ...")


def _recorded(record: JobRecord | None) -> set[str]:
    return set() if record is None else {_name(picture) for picture in record.pictures}


def _name(picture: StoredPicture) -> str:
    number = "" if picture.attempt == 1 else f".{picture.attempt}"
    return f"{picture.index}{number}.{EXTENSIONS[picture.media_type]}"
