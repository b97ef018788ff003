"""Compares what clients were told with what is there. Values in, discrepancies out; knows no server and no time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.images.storage import EXTENSIONS
from service.jobs.records import JobRecord, Status, StoredImage
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
    images: Mapping[str, str]
    """SHA-256 of what each image's URL gave."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    kind: str
    about: str


def reconcile(
    receipts: Sequence[Receipt], stored: Stored, served: Served, *, strays: int, as_drawn: bool = True
) -> list[Discrepancy]:
    """`strays` files without a record may be left, as a process dies between the two. `as_drawn` is whether images
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
    indices = [image.index for image in record.images]
    wanted = list(range(len(record.spec.images)))
    is_whole = indices == wanted if record.status is Status.SUCCEEDED else set(indices) <= set(wanted)
    if not is_whole or len(set(indices)) < len(indices):
        yield Discrepancy("images missing or too many", f"{record.id}: {indices}")
    for image in record.images if as_drawn else ():
        if image.sha256 != _expected(receipt.order, image.index):
            yield Discrepancy("image that is not what was ordered", f"{record.id}/{image.index}")


def _expected(order: Order, index: int) -> str:
    spec = order.spec
    return expected_sha256(spec.images[index].params, spec.model, spec.output_format, spec.output_compression)


def _of_files(record: JobRecord, files: Mapping[str, str]) -> Iterator[Discrepancy]:
    for image in record.images:
        if _name(image) not in files:
            yield Discrepancy("image without a file", f"{record.id}/{image.index}")
        elif files[_name(image)] != image.sha256:
            yield Discrepancy("file that is not its record's", f"{record.id}/{image.index}")


def _of_answers(record: JobRecord, served: Served) -> Iterator[Discrepancy]:
    job = served.jobs.get(record.id)
    if job is None or job["status"] != record.status:
        yield Discrepancy("answer that is not the record's", record.id)
        return
    told = {image["index"]: (image["sha256"], image["size_bytes"]) for image in job["images"]}
    if told != {image.index: (image.sha256, image.size_bytes) for image in record.images}:
        yield Discrepancy("answer that is not the record's", f"{record.id}: its images")
    for image in job["images"]:
        if served.images.get(image["url"]) != image["sha256"]:
            yield Discrepancy("image served otherwise than told", image["url"])


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
    return set() if record is None else {_name(image) for image in record.images}


def _name(image: StoredImage) -> str:
    number = "" if image.attempt == 1 else f".{image.attempt}"
    return f"{image.index}{number}.{EXTENSIONS[image.media_type]}"
