"""The reckoning finds nothing where all is well, and each kind of discrepancy where it was planted."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.engine.types import Timings
from service.jobs.records import JobFailure, JobRecord, Status, StoredImage
from tests.chaos.clients.reconcile import Discrepancy, Served, Stored, reconcile
from tests.chaos.clients.requests import Fate, Order, Receipt, expected_sha256

_ID = "job_aaaaaaaaaaaaaaaaaaaaaaaaaa"
_OTHER = "job_bbbbbbbbbbbbbbbbbbbbbbbbbb"
_URL = f"/api/v1/jobs/{_ID}/images/0"


@dataclass
class World:
    """One order of two images, accepted, made and kept. Tests break it."""

    receipt: Receipt
    records: dict[str, JobRecord]
    keys: dict[str, str]
    files: dict[str, dict[str, str]]
    jobs: dict[str, dict[str, Any]]
    images: dict[str, str]
    more_receipts: list[Receipt] = field(default_factory=list)

    @property
    def record(self) -> JobRecord:
        return self.records[_ID]

    def change_record(self, **changes: Any) -> None:
        """In the database, and so in what the API says."""
        self.records[_ID] = dataclasses.replace(self.record, **changes)
        self.jobs[_ID] = _answer(self.record)

    def discrepancies(self, *, strays: int = 0) -> list[Discrepancy]:
        stored = Stored(self.records, self.keys, self.files)
        receipts = [self.receipt, *self.more_receipts]
        return reconcile(receipts, stored, Served(self.jobs, self.images), strays=strays)


def _world() -> World:
    order = Order("key", {"prompt": "x", "seed": 1, "n": 2, "width": 64, "height": 64, "num_inference_steps": 2})
    made = tuple(_image(order, index) for index in range(2))
    record = JobRecord(
        id=_ID,
        tenant="",
        status=Status.SUCCEEDED,
        spec=order.spec,
        attempt=1,
        version=4,
        progress=None,
        preview=None,
        failure=None,
        created_at=0.0,
        started_at=1.0,
        completed_at=2.0,
        expires_at=3.0,
        images=made,
    )
    return World(
        receipt=Receipt(order, job_ids={_ID}, acceptances=1, ends={"succeeded"}),
        records={_ID: record},
        keys={"key": _ID},
        files={_ID: {f"{image.index}.png": image.sha256 for image in made}},
        jobs={_ID: _answer(record)},
        images={f"/api/v1/jobs/{_ID}/images/{image.index}": image.sha256 for image in made},
    )


def _image(order: Order, index: int) -> StoredImage:
    spec = order.spec
    return StoredImage(
        index=index,
        attempt=1,
        version=2 + index,
        media_type="image/png",
        width=64,
        height=64,
        size_bytes=10,
        sha256=expected_sha256(spec.images[index].params, spec.model, spec.output_format, None),
        timings=Timings(queue_s=0.0, encode_s=0.0, denoise_s=1.0, decode_s=0.0, mean_batch_rows=2.0),
    )


def _answer(record: JobRecord) -> dict[str, Any]:
    images = [
        {
            "index": image.index,
            "url": f"/api/v1/jobs/{record.id}/images/{image.index}",
            "sha256": image.sha256,
            "size_bytes": image.size_bytes,
        }
        for image in record.images
    ]
    return {"id": record.id, "status": record.status, "images": images}


def _lose(world: World) -> None:
    del world.records[_ID], world.jobs[_ID], world.files[_ID]


def _answer_with_another_job(world: World) -> None:
    world.receipt.job_ids.add(_OTHER)


def _make_twice(world: World) -> None:
    world.records[_OTHER] = dataclasses.replace(world.record, id=_OTHER)
    world.files[_OTHER] = copy.copy(world.files[_ID])


def _bind_a_second_key(world: World) -> None:
    world.keys["another"] = _ID


def _misbind_the_key(world: World) -> None:
    world.keys["key"] = _OTHER


def _leave_running(world: World) -> None:
    world.receipt.ends = set()
    world.change_record(status=Status.RUNNING)


def _fail(world: World) -> None:
    world.receipt.ends = {"failed"}
    world.change_record(status=Status.FAILED, failure=JobFailure("poisoned", ""))


def _cancel_unasked(world: World) -> None:
    world.receipt.ends = {"canceled"}
    world.change_record(status=Status.CANCELED)


def _end_otherwise(world: World) -> None:
    world.receipt.ends.add("canceled")


def _make_another_order(world: World) -> None:
    world.change_record(spec=Order("key", {**world.receipt.order.body, "prompt": "y"}).spec)


def _drop_an_image(world: World) -> None:
    world.change_record(images=world.record.images[:1])


def _record_an_image_twice(world: World) -> None:
    world.change_record(images=(world.record.images[0], *world.record.images))


def _draw_otherwise(world: World) -> None:
    world.change_record(images=(dataclasses.replace(world.record.images[0], sha256="0" * 64), world.record.images[1]))
    world.files[_ID]["0.png"] = world.images[_URL] = "0" * 64


def _remove_a_file(world: World) -> None:
    del world.files[_ID]["0.png"]


def _overwrite_a_file(world: World) -> None:
    world.files[_ID]["0.png"] = "0" * 64


def _leave_a_file(world: World) -> None:
    world.files[_ID]["0.1234abcd.partial"] = "0" * 64


def _leave_a_folder(world: World) -> None:
    world.files[_OTHER] = {"0.png": "0" * 64}


def _answer_otherwise(world: World) -> None:
    world.jobs[_ID] = {**world.jobs[_ID], "status": "running"}


def _tell_of_fewer_images(world: World) -> None:
    world.jobs[_ID] = {**world.jobs[_ID], "images": world.jobs[_ID]["images"][:1]}


def _serve_half_an_image(world: World) -> None:
    world.images[_URL] = "0" * 64


def _keep_what_was_deleted(world: World) -> None:
    world.receipt.deleted = True


def _answer_500(world: World) -> None:
    world.receipt.complaints.append("GET /: 500")


_PLANTS: dict[str, list[Callable[[World], None]]] = {
    "lost job": [_lose],
    "key with several jobs": [_answer_with_another_job],
    "job that nobody ordered": [_make_twice],
    "job of several keys": [_bind_a_second_key],
    "key that is not its job's": [_misbind_the_key],
    "job without an end": [_leave_running],
    "job that did not succeed": [_fail, _cancel_unasked],
    "job that ended twice": [_end_otherwise],
    "job of another order": [_make_another_order],
    "images missing or too many": [_drop_an_image, _record_an_image_twice],
    "image that is not what was ordered": [_draw_otherwise],
    "image without a file": [_remove_a_file],
    "file that is not its record's": [_overwrite_a_file],
    "files without a record": [_leave_a_file, _leave_a_folder],
    "answer that is not the record's": [_answer_otherwise, _tell_of_fewer_images],
    "image served otherwise than told": [_serve_half_an_image],
    "deleted job that is there": [_keep_what_was_deleted],
    "answer that no client should get": [_answer_500],
}


def test_where_all_is_well_nothing_is_found() -> None:
    assert _world().discrepancies() == []


@pytest.mark.parametrize(("kind", "plant"), [(kind, plant) for kind, plants in _PLANTS.items() for plant in plants])
def test_each_discrepancy_is_found(kind: str, plant: Callable[[World], None]) -> None:
    world = _world()

    plant(world)

    assert kind in {discrepancy.kind for discrepancy in world.discrepancies()}


def test_as_many_stray_files_as_were_foreseen_are_no_discrepancy() -> None:
    world = _world()
    _leave_a_file(world)
    _leave_a_folder(world)

    assert world.discrepancies(strays=2) == []
    assert [found.kind for found in world.discrepancies(strays=1)] == ["files without a record"]


def test_a_job_that_its_client_canceled_may_have_some_of_its_images() -> None:
    world = _world()
    world.receipt.order = dataclasses.replace(world.receipt.order, fate=Fate.CANCEL)
    world.receipt.ends = {"canceled"}
    world.change_record(status=Status.CANCELED, images=world.record.images[:1])
    del world.files[_ID]["1.png"]

    assert world.discrepancies() == []


def test_a_job_that_its_client_deleted_is_gone() -> None:
    world = _world()
    world.receipt.deleted = True
    _lose(world)

    assert world.discrepancies() == []


def test_an_order_that_was_never_answered_may_have_been_accepted() -> None:
    world = _world()
    world.receipt.acceptances = 0
    world.receipt.job_ids.clear()

    assert world.discrepancies() == []
