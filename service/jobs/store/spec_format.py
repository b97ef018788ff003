"""The stored form of a job's spec: JSON that carries a version, so that rows of earlier releases stay readable.

| version | written by | form |
|---|---|---|
| 1 | the first release, which stored no `version` | `JobSpec`, with `pictures` in place of `images` |
| 2 | later releases; this one for jobs of one image | `JobSpec` |
| 3 | this release for jobs of several images | `JobSpec`, with `_Images3` in place of the images |

Raise `VERSION` where an earlier release would misread what this one writes, and keep a decoder for every earlier one.
A field with a default that does not change what an older server makes needs no new version.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from pipelines.params import GenerationParams
from service.errors import BodyTooLargeError, DarkroomError
from service.jobs.records import ImageSpec, JobSpec

VERSION: Final = 3
MAX_SPEC_BYTES: Final = 1 << 18
"""Maximum size of a stored spec, enough for 100 images with prompts of their own of some 2,500 characters each. It
bounds the room that one queued job takes on disk and in the memory of its readers."""

_PARAMETERS: Final = tuple(field.name for field in fields(GenerationParams))
_parameters_of: Final = attrgetter(*_PARAMETERS)


class UnreadableSpecError(DarkroomError):
    """The stored spec of one job cannot be decoded. The message is safe to show to callers."""


class _Header(msgspec.Struct, frozen=True):
    version: int = 1


class _JobSpec1(JobSpec, frozen=True, kw_only=True):
    images: tuple[ImageSpec, ...] = msgspec.field(name="pictures")


class _Column(msgspec.Struct, frozen=True, array_like=True):
    """One field of all images: its distinct values, and for each image the index of its value."""

    values: list[Any]
    which: list[Annotated[int, msgspec.Meta(ge=0)]]


class _Images3(msgspec.Struct, frozen=True):
    """The images of a job. Their fields are those of `GenerationParams`, and `position`."""

    count: int
    shared: dict[str, Any]
    """The fields that are equal in all images, by name."""
    varying: dict[str, _Column]
    """The other fields by name."""


# Made here, in one thread: see tests/repository/test_decoders.py.
_HEADERS: Final = msgspec.json.Decoder(_Header)
_SPECS: Final = msgspec.json.Decoder(JobSpec)
_SPECS_1: Final = msgspec.json.Decoder(_JobSpec1)
_IMAGES_3: Final = msgspec.json.Decoder(_Images3)
_OBJECTS: Final = msgspec.json.Decoder(dict[str, Any])


def encode_spec(spec: JobSpec) -> bytes:
    """Returns the stored form. Raises `BodyTooLargeError` where it would have more than `MAX_SPEC_BYTES`."""
    stored = msgspec.structs.asdict(spec)
    if len(spec.images) == 1:
        data = msgspec.json.encode({"version": 2, **stored})
    else:
        data = msgspec.json.encode({"version": VERSION, **stored, "images": _compact(spec.images)})
    if len(data) > MAX_SPEC_BYTES:
        raise BodyTooLargeError(
            f"The prompts of all images are too long together: a job may take {MAX_SPEC_BYTES} bytes. "
            "Make several jobs of it."
        )
    return data


def decode_spec(data: bytes) -> JobSpec:
    """Decodes a spec of any known version.

    Raises `UnreadableSpecError` where a newer version wrote it or it is damaged.
    """
    try:
        version = _HEADERS.decode(data).version
        if version > VERSION:
            raise UnreadableSpecError(
                "The job was stored by a newer version of Darkroom. Upgrade this server to read it."
            )
        if version == VERSION:
            return _decode_3(data)
        if version == 2:
            return _SPECS.decode(data)
        if version == 1:
            first = _SPECS_1.decode(data)
            return JobSpec(**msgspec.structs.asdict(first))
    except (msgspec.MsgspecError, LookupError, ValueError):
        pass
    raise UnreadableSpecError("The stored job is damaged: its spec cannot be decoded.")


def _compact(images: Sequence[ImageSpec]) -> _Images3:
    rows = [(*_parameters_of(image.params), image.position) for image in images]
    shared: dict[str, Any] = {}
    varying: dict[str, _Column] = {}
    for name, column in zip((*_PARAMETERS, "position"), zip(*rows, strict=True), strict=True):
        if column.count(column[0]) == len(column):
            shared[name] = column[0]
        else:
            places = {value: place for place, value in enumerate(dict.fromkeys(column))}
            varying[name] = _Column(list(places), [places[value] for value in column])
    return _Images3(len(images), shared, varying)


def _decode_3(data: bytes) -> JobSpec:
    """Raises msgspec's errors, LookupError and ValueError where the spec is damaged."""
    stored = _OBJECTS.decode(data)
    compact = msgspec.convert(stored["images"], _Images3)
    images = [dict(compact.shared) for _ in range(compact.count)]
    for name, column in compact.varying.items():
        for image, which in zip(images, column.which, strict=True):
            image[name] = column.values[which]
    stored["images"] = [{"params": image, "position": image.pop("position")} for image in images]
    return msgspec.convert(stored, JobSpec)
