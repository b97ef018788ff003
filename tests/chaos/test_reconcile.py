"""`reconcile` finds nothing in a consistent world, and finds each kind of discrepancy that a test plants."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.auth.identity import DEFAULT_TENANT
from service.engine.types import Timings
from service.jobs.records import JobFailure, JobRecord, Status, StoredImage
from tests.chaos.clients.reconcile import Discrepancy, Served, Stored, reconcile
from tests.chaos.clients.requests import FollowUp, JobRequest, Observation, expected_sha256

_ID = "job_aaaaaaaaaaaaaaaaaaaaaaaaaa"
_OTHER = "job_bbbbbbbbbbbbbbbbbbbbbbbbbb"
_URL = f"/api/v1/jobs/{_ID}/images/0"


@dataclass
class World:
    """One request for two images, accepted, made and kept. Tests break it."""

    observation: Observation
    records: dict[str, JobRecord]
    keys: dict[str, str]
    files: dict[str, dict[str, str]]
    jobs: dict[str, dict[str, Any]]
    images: dict[str, str]
    more_observations: list[Observation] = field(default_factory=list)

    @property
    def record(self) -> JobRecord:
        return self.records[_ID]

    def change_record(self, **changes: Any) -> None:
        """Change the record in the database and the answer of the API with it."""
        self.records[_ID] = dataclasses.replace(self.record, **changes)
        self.jobs[_ID] = _answer(self.record)

    def discrepancies(self, *, max_orphans: int = 0) -> list[Discrepancy]:
        stored = Stored(self.records, self.keys, self.files)
        observations = [self.observation, *self.more_observations]
        return reconcile(observations, stored, Served(self.jobs, self.images), max_orphans=max_orphans)


def _world() -> World:
    request = JobRequest("key", {"prompt": "x", "seed": 1, "n": 2, "width": 64, "height": 64, "num_inference_steps": 2})
    images = tuple(_image(request, index) for index in range(2))
    record = JobRecord(
        id=_ID,
        tenant=DEFAULT_TENANT,
        status=Status.SUCCEEDED,
        spec=request.spec,
        attempt=1,
        version=4,
        progress=None,
        preview=None,
        failure=None,
        created_at=0.0,
        started_at=1.0,
        completed_at=2.0,
        expires_at=3.0,
        images=images,
    )
    return World(
        observation=Observation(request, job_ids={_ID}, acceptances=1, final_statuses={"succeeded"}),
        records={_ID: record},
        keys={"key": _ID},
        files={_ID: {f"{image.index}.png": image.sha256 for image in images}},
        jobs={_ID: _answer(record)},
        images={f"/api/v1/jobs/{_ID}/images/{image.index}": image.sha256 for image in images},
    )


def _image(request: JobRequest, index: int) -> StoredImage:
    spec = request.spec
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
    world.observation.job_ids.add(_OTHER)


def _make_twice(world: World) -> None:
    world.records[_OTHER] = dataclasses.replace(world.record, id=_OTHER)
    world.files[_OTHER] = copy.copy(world.files[_ID])


def _bind_a_second_key(world: World) -> None:
    world.keys["another"] = _ID


def _bind_the_key_to_another_job(world: World) -> None:
    world.keys["key"] = _OTHER


def _leave_running(world: World) -> None:
    world.observation.final_statuses = set()
    world.change_record(status=Status.RUNNING)


def _fail(world: World) -> None:
    world.observation.final_statuses = {"failed"}
    world.change_record(status=Status.FAILED, failure=JobFailure("poisoned", ""))


def _cancel_without_a_request(world: World) -> None:
    world.observation.final_statuses = {"canceled"}
    world.change_record(status=Status.CANCELED)


def _show_another_final_status(world: World) -> None:
    world.observation.final_statuses.add("canceled")


def _make_another_request(world: World) -> None:
    world.change_record(spec=JobRequest("key", {**world.observation.request.body, "prompt": "y"}).spec)


def _drop_an_image(world: World) -> None:
    world.change_record(images=world.record.images[:1])


def _record_an_image_twice(world: World) -> None:
    world.change_record(images=(world.record.images[0], *world.record.images))


def _make_other_pixels(world: World) -> None:
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


def _answer_with_another_status(world: World) -> None:
    world.jobs[_ID] = {**world.jobs[_ID], "status": "running"}


def _answer_with_fewer_images(world: World) -> None:
    world.jobs[_ID] = {**world.jobs[_ID], "images": world.jobs[_ID]["images"][:1]}


def _serve_other_bytes(world: World) -> None:
    world.images[_URL] = "0" * 64


def _keep_a_deleted_job(world: World) -> None:
    world.observation.deleted = True


def _answer_500(world: World) -> None:
    world.observation.errors.append("GET /: 500")


_PLANTS: dict[str, list[Callable[[World], None]]] = {
    "lost job": [_lose],
    "key with several jobs": [_answer_with_another_job],
    "job without a request": [_make_twice],
    "job with several keys": [_bind_a_second_key],
    "key with a different job in the database": [_bind_the_key_to_another_job],
    "job that did not end": [_leave_running],
    "job that did not succeed": [_fail, _cancel_without_a_request],
    "job with two final statuses": [_show_another_final_status],
    "job that differs from its request": [_make_another_request],
    "missing or extra images": [_drop_an_image, _record_an_image_twice],
    "image that differs from its request": [_make_other_pixels],
    "image without a file": [_remove_a_file],
    "file that differs from its record": [_overwrite_a_file],
    "files without a record": [_leave_a_file, _leave_a_folder],
    "answer that differs from the record": [_answer_with_another_status, _answer_with_fewer_images],
    "image URL with different bytes": [_serve_other_bytes],
    "deleted job that still exists": [_keep_a_deleted_job],
    "answer that no client should get": [_answer_500],
}


def test_a_consistent_world_has_no_discrepancies() -> None:
    assert _world().discrepancies() == []


@pytest.mark.parametrize(("kind", "plant"), [(kind, plant) for kind, plants in _PLANTS.items() for plant in plants])
def test_each_planted_discrepancy_is_found(kind: str, plant: Callable[[World], None]) -> None:
    world = _world()

    plant(world)

    assert kind in {discrepancy.kind for discrepancy in world.discrepancies()}


def test_the_permitted_number_of_orphan_files_is_not_a_discrepancy() -> None:
    world = _world()
    _leave_a_file(world)
    _leave_a_folder(world)

    assert world.discrepancies(max_orphans=2) == []
    assert [found.kind for found in world.discrepancies(max_orphans=1)] == ["files without a record"]


def test_a_canceled_job_may_have_some_of_its_images() -> None:
    world = _world()
    world.observation.request = dataclasses.replace(world.observation.request, follow_up=FollowUp.CANCEL)
    world.observation.final_statuses = {"canceled"}
    world.change_record(status=Status.CANCELED, images=world.record.images[:1])
    del world.files[_ID]["1.png"]

    assert world.discrepancies() == []


def test_a_deleted_job_has_no_record() -> None:
    world = _world()
    world.observation.deleted = True
    _lose(world)

    assert world.discrepancies() == []


def test_a_request_without_an_answer_may_have_made_a_job() -> None:
    world = _world()
    world.observation.acceptances = 0
    world.observation.job_ids.clear()

    assert world.discrepancies() == []
